// People in a real browser, on a page with the real SDK, against the real binary; then what the API says about them.

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

import { chromium } from 'playwright-core'

import { startShop } from './shop.mjs'
import { API_KEY, startWhodid } from './whodid.mjs'

const BRAZILIAN_ADDRESS = '200.160.2.3'

const CHROMIUM_ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

// Every way of sending, every way of leaving. `user` logs in on the cart page; without one the visitor stays anonymous.
// `proxy` is how the SDK reaches Whodid: its option as a string, as a function, or the shop's own forwarder.
const VISITS = [
  { user: 'ada', proxy: 'string', compress: false, leave: 'close', buys: true, extraActions: 0 },
  { user: 'bob', proxy: 'function', compress: true, leave: 'navigate', buys: false, extraActions: 0 },
  { user: 'cyd', proxy: 'string', compress: true, leave: 'close', buys: false, extraActions: 60 },
  { user: 'dan', proxy: 'function', compress: false, leave: 'navigate', buys: true, extraActions: 60 },
  { user: 'bia', proxy: 'forwarder', compress: true, leave: 'close', buys: false, extraActions: 0 },
  { user: undefined, proxy: 'string', compress: false, leave: 'navigate', buys: false, extraActions: 0 },
]

const SETTLE_MS = 10_000
const POLL_MS = 100

const begun = Date.now() - 60_000
const errors = []
const seen = []
let folder, shop, whodid, browser

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'whodid-browser-test-'))
  whodid = await startWhodid(folder)
  shop = await startShop({ intake: whodid.url, visitorsFrom: BRAZILIAN_ADDRESS })
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium',
    args: CHROMIUM_ARGS,
  })
})

after(async () => {
  await browser?.close()
  await whodid?.stop()
  await shop?.stop()
  if (folder) await rm(folder, { recursive: true, force: true })
})

for (const visit of VISITS) {
  const name = `${visit.user ?? 'somebody'} visits: proxy as ${visit.proxy}, ` +
    `${visit.compress ? 'compressed' : 'plain'}, leaves by ${visit.leave}`
  test(name, async () => {
    const context = await browser.newContext()
    const fetched = []
    context.on('request', (request) => {
      if (request.resourceType() === 'fetch') fetched.push(request.url())
    })
    const page = await context.newPage()
    watch(page)
    const given = { ...visit, intake: whodid.url, clientToken: API_KEY }
    await page.addInitScript((visit) => (window.visit = visit), given)
    await shopAround(page, visit)
    await leave(page, visit)

    const { events, beacons } = await notes(context)
    seen.push(...events)
    assert.ok(beacons.length > 0, 'no beacon as the page was left')
    const urls = [...fetched, ...beacons]
    const target = visit.proxy === 'forwarder' ? shop.url : whodid.url
    assert.ok(urls.every((url) => url.startsWith(target)), `sent elsewhere: ${urls}`)
    const compressed = urls.some((url) => decodeURIComponent(url).includes('dd-evp-encoding=deflate'))
    assert.equal(compressed, visit.compress, `${urls}`)
    await context.close()
  })
}

test('every view and every action that the SDK sent is there, once', async () => {
  assert.ok(seen.some(({ type }) => type === 'action'))
  for (const type of ['view', 'action']) {
    const sent = seen.filter((event) => event.type === type).length
    await settles(() => scalar(`@type:${type}`, { aggregation: 'count' }), (count) => assert.equal(count, sent, type))
  }
  assert.equal(await scalar('@type:view', { aggregation: 'cardinality', metric: '@session.id' }), VISITS.length)
})

test('who viewed the cart and then did not check out', async () => {
  await settles(() => preview(abandonedCart()), ({ count, population, sample }) => {
    const [anonymous, ...known] = [...sample].sort()
    assert.deepEqual(known, ['bia', 'bob', 'cyd'])
    assert.match(anonymous, /^anonymous:/)
    assert.equal(count, 4)
    assert.equal(population, VISITS.length)
  })
})

test('who comes from Brazil', async () => {
  const { count, sample } = await preview(viewed('/cart', '@geo.country:Brazil'))
  assert.equal(count, 1)
  assert.deepEqual(sample, ['bia'])
})

test('what people did before they logged in is theirs', async () => {
  const { sample } = await preview(viewed('/product/42'))
  assert.deepEqual(sample.filter((id) => !id.startsWith('anonymous:')).sort(), ['ada', 'bia', 'bob', 'cyd', 'dan'])
  assert.equal(sample.length, VISITS.length)
})

test('a profile knows who it is and how often they came', async () => {
  const query = 'user_email:ada@example.com user_plan:premium session_count:1'
  const { count, sample } = await preview({ entity: 'user', where: { profile: query } })
  assert.equal(count, 1)
  assert.deepEqual(sample, ['ada'])
  const { data } = await whodid.api('GET', '/users/ada')
  assert.equal(data.attributes.user_email, 'ada@example.com')
  assert.equal(data.attributes.user_plan, 'premium')
  assert.equal(data.attributes.session_count, 1)
})

test('a segment is kept, listed and has its members', async () => {
  const created = await whodid.api('POST', '/segments', {
    data: { type: 'segment', attributes: { name: 'Almost bought', definition: abandonedCart() } },
  })
  const { id } = created.data
  const listed = await whodid.api('GET', '/segments')
  assert.deepEqual(listed.data.map((segment) => segment.id), [id])
  const got = await whodid.api('GET', `/segments/${id}`)
  assert.equal(got.data.attributes.size, 4)
  const members = await whodid.api('GET', `/segments/${id}/members`)
  assert.equal(members.meta.total, 4)
  const known = members.data.map((member) => member.id).filter((member) => !member.startsWith('anonymous:'))
  assert.deepEqual(known.sort(), ['bia', 'bob', 'cyd'])
})

test('a crash loses nothing and doubles nothing', async () => {
  const counted = () => scalar('*', { aggregation: 'count' })
  const before = await counted()
  await whodid.stop('SIGKILL')
  whodid = await startWhodid(folder)
  await settles(counted, (count) => assert.equal(count, before))
  assert.equal((await preview(abandonedCart())).count, 4)
  assert.equal(await whodid.stop('SIGTERM'), 0, whodid.log())
})

test('no page complained', () => assert.deepEqual(errors, []))

// What people do

async function shopAround(page, visit) {
  await page.goto(shop.url)
  await page.getByRole('link', { name: 'Lamp' }).click()
  await page.getByRole('heading', { name: '/product/42' }).waitFor()
  await page.getByRole('link', { name: 'Cart' }).click()
  await page.getByRole('heading', { name: '/cart' }).waitFor()
  if (visit.user) {
    await page.getByRole('button', { name: 'Log in' }).click()
    await page.waitForFunction((user) => document.title.includes(user), visit.user)
  }
  if (visit.extraActions > 0) {
    // More than fifty messages go out at once, while the page is there to hear the answer.
    const answered = page.waitForResponse((response) => response.url().startsWith(whodid.url))
    await page.evaluate((count) => {
      for (let i = 0; i < count; i++) window.DD_RUM.addAction('filter', { choice: i })
    }, visit.extraActions)
    const response = await answered
    assert.equal(response.status(), 202)
    assert.ok(response.headers()['access-control-allow-origin'], 'the answer has no CORS header')
  }
  if (visit.buys) {
    await page.getByRole('button', { name: 'CHECKOUT' }).click()
    await page.getByRole('heading', { name: '/checkout' }).waitFor()
  }
}

async function leave(page, visit) {
  if (visit.leave === 'close') {
    const closed = page.waitForEvent('close')
    await page.close({ runBeforeUnload: true })
    await closed
  } else {
    await page.goto('about:blank')
  }
}

/** What the shop's pages noted: the views and actions that the SDK reported, and where its beacons went. */
async function notes(context) {
  const page = await context.newPage()
  await page.goto(`${shop.url}/sdk/datadog-rum.js`)
  const noted = await page.evaluate(() => JSON.parse(localStorage.getItem('noted')))
  const events = noted.events.filter(({ type }) => type === 'view' || type === 'action')
  return { events, beacons: noted.beacons }
}

function watch(page) {
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(`${message.text()} (${message.location().url})`)
  })
  page.on('pageerror', (error) => errors.push(String(error)))
}

// What is asked

function performed(...steps) {
  return { entity: 'user', where: { performed: { steps, within: 'session', during: { last: '7d' } } } }
}

function viewed(path, also = '') {
  return performed({ event: `@type:view @view.url_path:${path} ${also}` })
}

function abandonedCart() {
  return performed(
    { event: '@type:view @view.url_path:/cart' },
    { event: '@type:action @action.name:CHECKOUT', not: true },
  )
}

async function preview(definition) {
  const { data, meta } = await whodid.api('POST', '/segments/preview', {
    data: { type: 'segment_preview', attributes: { definition } },
  })
  assert.ok(meta.as_of && meta.watermark, 'an answer says as of when it holds')
  return data.attributes
}

async function scalar(search, compute) {
  const { data } = await whodid.api('POST', '/analytics/scalar', {
    data: {
      type: 'formula_analytics_extended_request',
      attributes: {
        from: begun,
        to: Date.now() + 60_000,
        query: { query: { data_source: 'product_analytics', search: { query: search } }, compute },
      },
    },
  })
  const column = data.attributes.columns.find(({ type }) => type === 'number')
  return column.values[0] ?? 0
}

/** Asks again until `check` passes: what a leaving page sends arrives when it arrives. */
async function settles(ask, check) {
  const until = Date.now() + SETTLE_MS
  for (;;) {
    const answer = await ask()
    try {
      return check(answer)
    } catch (error) {
      if (Date.now() > until) throw error
    }
    await sleep(POLL_MS)
  }
}
