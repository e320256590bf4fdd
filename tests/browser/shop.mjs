// A small shop whose pages carry the browser SDK from npm, untouched. One page with history routing, as shops are built.

import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { buffer } from 'node:stream/consumers'

const SDK_FOLDER = new URL('./node_modules/@datadog/browser-rum/bundle/', import.meta.url)

const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Shop</title>
<link rel="icon" href="data:,">
<nav>
  <a href="/">Home</a>
  <a href="/product/42">Lamp</a>
  <a href="/cart">Cart</a>
</nav>
<h1></h1>
<button id="login">Log in</button>
<button id="checkout">CHECKOUT</button>
<script src="/sdk/datadog-rum.js"></script>
<script src="/shop.js"></script>
</html>`

// Runs in the page. `visit` is put there by the test before the page loads. What the SDK reports is noted where it
// outlives the page: the last of it goes out while the page is being left.
function shop() {
  const { visit, DD_RUM: rum } = window

  function note(add) {
    const noted = JSON.parse(localStorage.getItem('noted')) ?? { events: [], beacons: [] }
    add(noted)
    localStorage.setItem('noted', JSON.stringify(noted))
  }
  const sendBeacon = navigator.sendBeacon.bind(navigator)
  navigator.sendBeacon = (url, body) => {
    note(({ beacons }) => beacons.push(url))
    return sendBeacon(url, body)
  }

  const proxies = {
    string: `${visit.intake}/api/v2/rum`,
    function: ({ path, parameters }) => `${visit.intake}${path}?${parameters}`,
    forwarder: `${location.origin}/forward`,
  }
  rum.init({
    clientToken: visit.clientToken,
    applicationId: '00000000-0000-4000-8000-000000000001',
    service: 'shop',
    env: 'test',
    proxy: proxies[visit.proxy],
    sessionSampleRate: 100,
    sessionReplaySampleRate: 0,
    trackUserInteractions: true,
    compressIntakeRequests: visit.compress,
    beforeSend(event) {
      const id = event[event.type]?.id
      note(({ events }) => {
        if (id && !events.some((other) => other.id === id)) events.push({ type: event.type, id })
      })
      return true
    },
  })

  const show = () => {
    document.querySelector('h1').textContent = location.pathname
  }
  const go = (path) => {
    history.pushState(null, '', path)
    show()
  }
  for (const link of document.querySelectorAll('a')) {
    link.addEventListener('click', (event) => {
      event.preventDefault()
      go(link.getAttribute('href'))
    })
  }
  document.querySelector('#login').addEventListener('click', () => {
    rum.setUser({ id: visit.user, email: `${visit.user}@example.com`, plan: 'premium' })
    document.title = `Shop of ${visit.user}`
  })
  document.querySelector('#checkout').addEventListener('click', () => go('/checkout'))
  window.addEventListener('popstate', show)
  show()
}

async function answer(request, response, options) {
  const url = new URL(request.url, 'http://shop')
  const send = (type, body) => response.writeHead(200, { 'Content-Type': type }).end(body)
  if (url.pathname === '/forward') return response.writeHead(await forward(request, url, options)).end()
  if (url.pathname === '/shop.js') return send('text/javascript', `(${shop})()`)
  if (url.pathname.startsWith('/sdk/')) {
    return send('text/javascript', await readFile(new URL(url.pathname.slice('/sdk/'.length), SDK_FOLDER)))
  }
  return send('text/html', PAGE)
}

/** Passes a batch on as a proxy should: the body as it is, and whom it came from. Answers the status. */
async function forward(request, url, { intake, visitorsFrom }) {
  const response = await fetch(`${intake}${url.searchParams.get('ddforward')}`, {
    method: 'POST',
    headers: {
      'Content-Type': request.headers['content-type'] ?? 'text/plain',
      'User-Agent': request.headers['user-agent'],
      'X-Forwarded-For': visitorsFrom,
    },
    body: await buffer(request),
  })
  return response.status
}

/**
 * Serves the shop on a free local port. Its forwarder at /forward sends to `intake` and says that every visitor's
 * address is `visitorsFrom`.
 */
export async function startShop(options) {
  const server = createServer((request, response) => {
    answer(request, response, options).catch((error) => response.writeHead(500).end(String(error)))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
