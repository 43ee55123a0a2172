// Opens the page of viewfinder.Read in a browser and plays a scene there, as a
// person would. What is to be told stands on standard output, one JSON a line.
//
//   node browser.mjs '{"url": "http://127.0.0.1:...", "scene": "camera", ...}'
import { chromium } from 'playwright-core'

const call = JSON.parse(process.argv[2])
const { url, scene, chromium: executablePath, video, photos = [], names } = call

const args = []
if (video) args.push('--use-fake-device-for-media-stream', `--use-file-for-fake-video-capture=${video}`)
if (video && !call.refuse) args.push('--use-fake-ui-for-media-stream')
if (names) args.push(`--host-resolver-rules=${names}`)

const tell = facts => console.log(JSON.stringify(facts))

const browser = await chromium.launch({ executablePath, args, headless: true })
const context = await browser.newContext({ colorScheme: call.dark ? 'dark' : 'light' })
const page = await context.newPage()
const troubles = [] // what the browser complains of: the policy above all
const requests = [] // what the page asks for and from where
page.on('console', m => { if (m.type() === 'error' || m.type() === 'warning') troubles.push(m.text()) })
page.on('pageerror', e => troubles.push(String(e)))
page.on('request', r => requests.push(`${r.method()} ${r.url()}`))

const says = text => page.locator('#status', { hasText: text }).waitFor()
const headed = text => page.locator('h1', { hasText: text }).waitFor()

const look = () => page.evaluate(() => ({
  heading: document.querySelector('h1').textContent,
  status: document.querySelector('#status').textContent,
  secure: isSecureContext,
  filming: !!document.querySelector('video').srcObject,
  ground: getComputedStyle(document.body).backgroundColor,
  ink: getComputedStyle(document.body).color
}))

const scenes = {
  // The camera sees a label.
  async camera () {
    await page.goto(url)
    await headed('Done')
    tell(await look())
  },
  // The camera sees something; then the command ends.
  async ended () {
    await page.goto(url)
    await says(call.hears)
    tell({ ...await look(), ready: true })
    await headed('Ended')
    tell(await look())
  },
  // Without a camera, or without leave to use it, the page says so, and takes
  // photos; what it says to each is told.
  async photos () {
    await page.goto(url)
    await says(call.hears)
    const heard = []
    for (const [i, photo] of photos.entries()) {
      const before = await page.locator('#status').textContent()
      await page.locator('#photo').setInputFiles(photo)
      if (i === photos.length - 1) await headed('Done')
      else await page.waitForFunction(b => ![b, 'Looking for the label in the photo…'].includes(document.querySelector('#status').textContent), before)
      heard.push(await page.locator('#status').textContent())
    }
    tell({ ...await look(), heard })
  },
  // With the keys alone, as far as the browser's own dialogue for files.
  async keyboard () {
    await page.goto(url)
    await page.keyboard.press('Tab')
    const outline = await page.evaluate(() => getComputedStyle(document.querySelector('label.button')).outlineStyle)
    const chooser = page.waitForEvent('filechooser')
    await page.keyboard.press('Space')
    await (await chooser).setFiles(photos[0])
    await headed('Done')
    tell({ ...await look(), outline })
  },
  // A page of elsewhere that knows the address tries to get at this one.
  async foreign () {
    await page.goto(call.foreign)
    const tried = await page.evaluate(async ({ url, timeout }) => {
      const attempt = async (name, f) => {
        try { return [name, String(await f())] } catch (e) { return [name, 'refused'] }
      }
      const post = (headers, mode) => fetch(url + 'frame', { method: 'POST', headers, mode, body: 'x' })
      const framed = () => new Promise(resolve => {
        const frame = document.createElement('iframe')
        frame.onload = () => {
          try { resolve(frame.contentDocument ? 'empty' : 'shown') } catch { resolve('shown') }
        }
        frame.src = url
        document.body.append(frame)
      })
      const opened = async () => {
        const w = open(url)
        for (const end = Date.now() + timeout / 2; !w.closed; await new Promise(resolve => setTimeout(resolve, 50))) {
          if (Date.now() > end) return 'held'
        }
        return 'severed'
      }
      return Object.fromEntries([
        await attempt('read', async () => (await fetch(url)).status),
        await attempt('readBlindly', async () => (await fetch(url, { mode: 'no-cors' })).type),
        await attempt('post', async () => (await post({ 'Content-Type': 'image/png' })).status),
        await attempt('postWithHeader', async () => (await post({ 'X-CoBox-Token': 'x' })).status),
        await attempt('postBlindly', async () => (await post({ 'Content-Type': 'text/plain' }, 'no-cors')).type),
        await attempt('script', () => new Promise((resolve, reject) => {
          const s = document.createElement('script')
          s.onload = () => resolve('loaded')
          s.onerror = reject
          s.src = url
          document.head.append(s)
        })),
        await attempt('framed', framed),
        await attempt('opened', opened)
      ])
    }, { url, timeout: call.timeout })
    const frame = page.frames().find(f => f !== page.mainFrame())
    tried.frameShows = String(frame ? (await frame.content()).includes('cobox-token') : false)
    tell({ tried })
  },
  // A name of elsewhere that is made to point at this computer.
  async rebinding () {
    const response = await page.goto(call.rebound)
    tell({ code: response.status(), body: await response.text() })
  }
}

try {
  page.setDefaultTimeout(call.timeout)
  await scenes[scene]()
  tell({ troubles, requests, end: true })
} catch (error) {
  tell({ error: String(error), status: await page.locator('#status').textContent({ timeout: 500 }).catch(() => ''), troubles, requests })
  process.exitCode = 1
} finally {
  await browser.close()
}
process.exit()
