// Opens pages in a browser, photographs them and has axe look at them. What it is
// to look at comes as one JSON in the first argument; what it saw stands on standard
// output, one JSON a line.
//
//   node browser.mjs '{"chromium": "/usr/bin/chromium", "profile": "/tmp/x", "visits": [{"url": ...}]}'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { chromium } from 'playwright-core'

const call = JSON.parse(process.argv[2])
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const tell = facts => console.log(JSON.stringify(facts))

const context = await chromium.launchPersistentContext(call.profile, {
  executablePath: call.chromium,
  headless: true,
  args: [
    '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', ...(call.names ? [`--host-resolver-rules=${call.names}`] : [])
  ]
})

async function visit (v) {
  const page = await context.newPage()
  const troubles = [] // what the browser complains of: the policy above all
  const requests = []
  page.on('console', m => { if (m.type() === 'error' || m.type() === 'warning') troubles.push(m.text()) })
  page.on('pageerror', e => troubles.push(String(e)))
  page.on('request', r => { if (!r.url().startsWith('data:')) requests.push(`${r.method()} ${r.url()}`) })
  await page.setViewportSize({ width: v.width, height: v.height })
  await page.emulateMedia({ colorScheme: v.dark ? 'dark' : 'light' })
  await page.setExtraHTTPHeaders({ 'Accept-Language': v.language })
  const response = await page.goto(v.url)
  const seen = { code: response.status(), troubles, requests }
  if (seen.code !== 200) {
    tell({ ...seen, body: await response.text() })
    return page.close()
  }
  Object.assign(seen, await page.evaluate(() => ({
    title: document.title,
    language: document.documentElement.lang,
    ground: getComputedStyle(document.body).backgroundColor,
    wider: document.documentElement.scrollWidth - document.documentElement.clientWidth, // it has to be moved sideways
    small: [...document.querySelectorAll('main *, footer *')].filter(e => e.textContent.trim() && parseFloat(getComputedStyle(e).fontSize) < 12).length
  })))
  await page.screenshot({ path: v.picture, fullPage: true })
  // What the keyboard reaches, and whether it can be seen where it is.
  seen.stops = []
  for (let i = 0; i < 4; i++) {
    await page.keyboard.press('Tab')
    seen.stops.push(await page.evaluate(() => document.activeElement === document.body
      ? ''
      : `${document.activeElement.textContent} ${getComputedStyle(document.activeElement).outlineStyle}`))
  }
  await page.evaluate(axe)
  const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations', 'incomplete'] }))
  const short = list => list.map(f => `${f.id}: ${f.help}: ${f.nodes.map(n => n.html).join(' | ').slice(0, 400)}`)
  seen.violations = short(found.violations)
  seen.incomplete = short(found.incomplete)
  seen.passes = found.passes.length
  tell(seen)
  await page.close()
}

try {
  for (const v of call.visits) await visit(v)
} catch (error) {
  tell({ error: String(error) })
  process.exitCode = 1
} finally {
  await context.close()
}
process.exit()
