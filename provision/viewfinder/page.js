'use strict'
// Sends pictures of the camera, or a chosen photo, to the command that serves this
// page, until it has read a label. What was read is not told here.

const token = document.querySelector('meta[name="cobox-token"]').content
const video = document.getElementById('video')
const status = document.getElementById('status')
const next = document.getElementById('next')
const photo = document.getElementById('photo')

const frameSide = 1600 // pixels; more is not needed at the distance of an arm
const photoSide = 3200 // pixels; a label may be a small part of a photo
const pause = 100 // milliseconds between pictures

let over = false
let turn = Promise.resolve() // ends when the command is done with the last picture
let cameras = []
let camera = 0
let starts = 0 // of the camera

function say (text, kind = '') {
  if (status.textContent !== text) status.textContent = text // else it is read aloud again
  status.className = kind
}

function finish (text, kind) {
  over = true
  stop()
  document.body.className = 'over'
  document.querySelector('h1').textContent = kind === 'good' ? 'Done' : 'Ended'
  say(text, kind)
}

function stop () {
  if (video.srcObject) for (const track of video.srcObject.getTracks()) track.stop()
  video.srcObject = null
}

// send has the command look at what source shows, and returns what it says. The
// command looks at one picture at a time.
function send (...picture) {
  turn = turn.then(() => sendNow(...picture))
  return turn
}

async function sendNow (source, width, height, side, kind) {
  if (over) return { state: 'over', message: '' }
  const scale = Math.min(1, side / Math.max(width, height))
  const canvas = document.createElement('canvas')
  canvas.width = Math.max(1, Math.round(width * scale))
  canvas.height = Math.max(1, Math.round(height * scale))
  const pen = canvas.getContext('2d')
  pen.fillStyle = '#fff' // where a photo is transparent
  pen.fillRect(0, 0, canvas.width, canvas.height)
  pen.drawImage(source, 0, 0, canvas.width, canvas.height)
  const picture = await new Promise(resolve => canvas.toBlob(resolve, 'image/jpeg', 0.9))
  if (!picture) return { state: 'looking', message: '' }
  let answer
  try {
    const response = await fetch(kind, {
      method: 'POST',
      headers: { 'Content-Type': 'image/jpeg', 'X-CoBox-Token': token },
      body: picture
    })
    if (response.status === 429) return { state: 'busy', message: '' } // another window is at it
    answer = await response.json()
  } catch {
    finish('The CoBox command has ended: see its window. This one can be closed.', 'bad')
    return { state: 'over', message: '' }
  }
  if (answer.state === 'done') finish('The label was read. Close this window and go on in the other one.', 'good')
  return answer
}

async function watch () {
  while (!over) {
    await new Promise(resolve => setTimeout(resolve, pause))
    if (!video.srcObject || video.readyState < video.HAVE_CURRENT_DATA) continue
    const answer = await send(video, video.videoWidth, video.videoHeight, frameSide, 'frame')
    if (!over && video.srcObject) say(answer.message || 'Looking for the label…', answer.message ? 'bad' : '')
  }
}

// start shows the camera. Whoever calls start or leave again meanwhile is later.
async function start () {
  const now = ++starts
  if (!navigator.mediaDevices) {
    say('This browser gives no page a camera here. Choose a photo instead, or open this page in Firefox or Chrome.', 'bad')
    return
  }
  stop()
  video.hidden = false
  const which = cameras.length ? { deviceId: { exact: cameras[camera].deviceId } } : { facingMode: 'environment' }
  try {
    const stream = await navigator.mediaDevices.getUserMedia({
      audio: false,
      video: { ...which, width: { ideal: 1920 }, height: { ideal: 1080 } }
    })
    if (now !== starts || over) {
      for (const track of stream.getTracks()) track.stop()
      return
    }
    video.srcObject = stream
    await video.play()
  } catch (error) {
    if (now !== starts || over) return
    say({
      NotAllowedError: 'The browser does not let this page use the camera. Allow it at the left of the address and load the page again, or choose a photo.',
      NotFoundError: 'No camera was found. Connect one and load the page again, or choose a photo.',
      NotReadableError: 'Another program has the camera. End it and load the page again, or choose a photo.'
    }[error.name] || 'The camera does not work. Choose a photo instead.', 'bad')
    return
  }
  const settings = video.srcObject.getVideoTracks()[0].getSettings()
  video.classList.toggle('mirror', settings.facingMode !== 'environment') // as in a mirror, hands go the right way
  cameras = (await navigator.mediaDevices.enumerateDevices()).filter(d => d.kind === 'videoinput')
  if (now !== starts) return
  camera = Math.max(0, cameras.findIndex(d => d.deviceId === settings.deviceId))
  next.hidden = cameras.length < 2
  next.textContent = 'Use another camera'
  say('Looking for the label…')
}

next.addEventListener('click', () => {
  if (!video.hidden) camera = (camera + 1) % cameras.length
  start()
})

photo.addEventListener('change', async () => {
  const [file] = photo.files
  photo.value = '' // so that the same one can be chosen again
  if (!file || over) return
  starts++
  stop()
  video.hidden = true
  next.hidden = false
  next.textContent = 'Use the camera'
  let picture
  try {
    picture = await createImageBitmap(file)
  } catch {
    say('This browser cannot open that file as a picture. Choose a PNG or a JPEG.', 'bad')
    return
  }
  say('Looking for the label in the photo…')
  const answer = await send(picture, picture.width, picture.height, photoSide, 'photo')
  picture.close()
  if (answer.state === 'busy') say('Another window of this page is at it: choose the photo again.', 'bad')
  else if (!over) say(answer.message, 'bad')
})

start()
watch()
