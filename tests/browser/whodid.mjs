// The real binary on a folder of its own, and its API.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export const API_KEY = 'browser-test-api-key-0123456789'
const APP_KEY = 'browser-test-app-key-0123456789'

const START_MS = 20_000
const STOP_MS = 20_000
const POLL_MS = 100

const TARGET_FOLDER = process.env.CARGO_TARGET_DIR ?? join(homedir(), '.cache/whodid/target')
const BINARY = process.env.WHODID_BIN ?? join(TARGET_FOLDER, 'debug/whodid')

/** Starts a server on `folder/data` and waits until it is ready. */
export async function startWhodid(folder) {
  const addressFile = join(folder, `address-${process.hrtime.bigint()}`)
  const args = ['serve', '--data', join(folder, 'data'), '--listen', '127.0.0.1:0', '--write-address', addressFile]
  const child = spawn(BINARY, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, WHODID_BOOTSTRAP_API_KEY: API_KEY, WHODID_BOOTSTRAP_APP_KEY: APP_KEY },
  })
  let log = ''
  let failure
  child.stderr.setEncoding('utf8').on('data', (text) => (log += text))
  child.on('error', (error) => (failure = error))

  const stopped = () => failure ?? (child.exitCode !== null || child.signalCode !== null)
  const until = Date.now() + START_MS
  let url
  while (!(url && (await isReady(url)))) {
    if (stopped() || Date.now() > until) {
      child.kill('SIGKILL')
      throw new Error(`${BINARY} ${args.join(' ')} did not start: ${failure ?? ''}\n${log}`)
    }
    await sleep(POLL_MS)
    url = (await readFile(addressFile, 'utf8').catch(() => '')).trim()
  }

  return {
    url,
    log: () => log,
    api: (method, path, body) => call(url, method, path, body),
    /** Ends the server with `signal`; answers its exit code, or the signal that ended it. */
    async stop(signal = 'SIGTERM') {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill(signal)
        const hung = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
        await once(child, 'exit')
        clearTimeout(hung)
      }
      return child.exitCode ?? child.signalCode
    },
  }
}

async function isReady(url) {
  return fetch(`${url}/readyz`).then((response) => response.ok, () => false)
}

async function call(url, method, path, body) {
  const response = await fetch(`${url}/api/v2/product-analytics${path}`, {
    method,
    headers: { 'DD-API-KEY': API_KEY, 'DD-APPLICATION-KEY': APP_KEY, 'Content-Type': 'application/json' },
    body: body && JSON.stringify(body),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
  return text ? JSON.parse(text) : undefined
}
