// Checks dashboards against the types that Grafana publishes: node schema.mjs FILE...
// Each file becomes a constant of the type Dashboard, so that a field that Grafana
// does not know, or a value that it does not take, is an error of the compiler; the
// options of each panel are checked by the type of its kind.
import { readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const panels = {
  stat: 'import("@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen").Options',
  table: 'import("@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen").Options',
  timeseries: 'import("@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen").Options',
  'state-timeline': 'import("@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen").Options'
}

// In JSON an enumeration is its text.
const plain = `
import type { Dashboard, Panel, RowPanel } from '@grafana/schema/dist/esm/raw/dashboard/x/Dashboard_types.gen'
type Plain<T> = T extends string ? \`\${T}\` : T extends (infer U)[] ? Plain<U>[] : T extends object ? { [K in keyof T]: Plain<T[K]> } : T
`
const here = dirname(fileURLToPath(import.meta.url))
const sources = new Map()
let count = 0
for (const file of process.argv.slice(2)) {
  const text = readFileSync(file, 'utf8')
  const dashboard = JSON.parse(text)
  const lines = [plain, `export const dashboard: Plain<Dashboard> = ${text}`]
  for (const [i, panel] of dashboard.panels.entries()) {
    count++
    if (panel.type === 'row') {
      lines.push(`export const panel${i}: Plain<RowPanel> = ${JSON.stringify(panel)}`)
      continue
    }
    if (!panels[panel.type]) {
      console.error(`${file}: panel ${panel.title} is of the kind ${panel.type}, for which no type is named here`)
      process.exitCode = 1
      continue
    }
    lines.push(`export const panel${i}: Plain<Panel> = ${JSON.stringify(panel)}`)
    lines.push(`export const options${i}: Plain<Partial<${panels[panel.type]}>> = ${JSON.stringify(panel.options ?? {})}`)
  }
  sources.set(join(here, basename(file, '.json') + '.gen.ts'), lines.join('\n'))
}

const options = { strict: true, noEmit: true, skipLibCheck: true, types: [], target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler }
const host = ts.createCompilerHost(options)
const { fileExists, readFile, getSourceFile } = host
host.fileExists = (name) => sources.has(name) || fileExists(name)
host.readFile = (name) => sources.get(name) ?? readFile(name)
host.getSourceFile = (name, ...rest) => sources.has(name) ? ts.createSourceFile(name, sources.get(name), options.target) : getSourceFile(name, ...rest)
const program = ts.createProgram([...sources.keys()], options, host)
const found = ts.getPreEmitDiagnostics(program)
if (found.length > 0) {
  console.error(ts.formatDiagnostics(found, { getCurrentDirectory: () => here, getCanonicalFileName: (n) => n, getNewLine: () => '\n' }))
  process.exitCode = 1
}
if (!process.exitCode) console.log(`${sources.size} dashboards, ${count} panels`)
