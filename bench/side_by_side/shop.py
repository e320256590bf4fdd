"""A made-up shop: who viewed and clicked what, over 30 days. The same seed gives the same events.

Visitors walk through pages by chance: each session is a chain of states, most users come a few times, a few come
very often, and one in ten is from Brazil. A user's sessions lie anywhere in the month, so they seldom interleave.
"""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

START_US = 1_780_272_000_000_000  # 2026-06-01T00:00:00Z
DAYS = 30
DAY_US = 86_400_000_000
LONGEST_SESSION_US = 4 * 3_600_000_000
USERS_PER_CHUNK = 20_000
EVENTS_PER_USER = 40
MEAN_SESSION_EVENTS = 6
LONGEST_SESSION_EVENTS = 60

CATEGORIES = 24
PRODUCTS = 2_000
FIXED_PAGES = ["/", "/cart", "/checkout", "/search", "/account"]
PAGES = (
    FIXED_PAGES
    + [f"/category/{n:02}" for n in range(1, CATEGORIES + 1)]
    + [f"/product/{n:04}" for n in range(1, PRODUCTS + 1)]
)
FIRST_CATEGORY = len(FIXED_PAGES)
FIRST_PRODUCT = FIRST_CATEGORY + CATEGORIES

# 0 stands for "no action": the event is a view.
ACTIONS = [None, "ADD TO CART", "CHECKOUT", "SORT", "FILTER", "SHARE", "ZOOM", "REVIEWS"]
COUNTRIES = {
    "United States": 0.24, "Brazil": 0.10, "India": 0.10, "Germany": 0.09, "France": 0.08, "United Kingdom": 0.08,
    "Japan": 0.06, "Mexico": 0.05, "Spain": 0.05, "Italy": 0.04, "Canada": 0.04, "Poland": 0.03, "Netherlands": 0.02,
    "Portugal": 0.01, "Argentina": 0.01,
}  # fmt: skip
DEVICES = {"mobile": 0.6, "desktop": 0.34, "tablet": 0.06}
BROWSERS = {"Chrome": 0.62, "Safari": 0.24, "Firefox": 0.07, "Edge": 0.07}

# The states of a session and the chances of the next one, in per cent.
HOME, CATEGORY, PRODUCT, ADD, CART, BUY, CHECKOUT, SEARCH, ACCOUNT, OTHER = range(10)
NEXT = np.array(
    #  HOME CAT PROD ADD CART BUY CHK SRCH ACC OTHER
    [
        [0, 45, 20, 0, 2, 0, 0, 15, 9, 9],  # HOME
        [5, 20, 55, 0, 0, 0, 0, 10, 0, 10],  # CATEGORY
        [5, 25, 30, 18, 4, 0, 0, 8, 0, 10],  # PRODUCT
        [5, 20, 32, 0, 43, 0, 0, 0, 0, 0],  # ADD TO CART
        [10, 20, 25, 0, 0, 35, 0, 0, 0, 10],  # CART
        [5, 0, 0, 0, 10, 0, 85, 0, 0, 0],  # CHECKOUT is clicked
        [40, 0, 30, 0, 0, 0, 0, 0, 30, 0],  # CHECKOUT is shown
        [0, 20, 60, 0, 0, 0, 0, 20, 0, 0],  # SEARCH
        [50, 30, 0, 0, 0, 0, 0, 0, 0, 20],  # ACCOUNT
        [20, 30, 50, 0, 0, 0, 0, 0, 0, 0],  # any other action
    ]
).cumsum(axis=1)
FIRST = np.array([50, 15, 30, 0, 0, 0, 0, 5, 0, 0]).cumsum()
HOURS = np.array([2, 1, 1, 1, 1, 2, 3, 4, 5, 6, 6, 6, 6, 6, 6, 6, 6, 6, 7, 8, 8, 6, 4, 3], dtype=float)


@dataclass
class Shop:
    """Events sorted by (user, instant). All arrays are as long as there are events; codes index the lists above."""

    user: np.ndarray  # u32, dense
    session: np.ndarray  # u32, dense, numbered as the sessions begin
    ts_us: np.ndarray  # i64, since 1970
    page: np.ndarray  # u16, the page viewed, or the page an action happened on
    action: np.ndarray  # u8, 0 for views
    country: np.ndarray  # u8
    device: np.ndarray  # u8
    browser: np.ndarray  # u8

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for field in fields(self):
            np.save(folder / f"{field.name}.npy", getattr(self, field.name))

    @staticmethod
    def load(folder: Path) -> "Shop":
        return Shop(**{field.name: np.load(folder / f"{field.name}.npy") for field in fields(Shop)})


def generate(events: int, seed: int, ties: bool) -> Shop:
    """`ties` puts instants on whole 30 s, so that many events of a user share one; otherwise none do."""
    chunks, rows, users, sessions = [], 0, 0, 0
    for number in range(events):
        if rows >= events:
            break
        users_left = -(-(events - rows) // EVENTS_PER_USER) + 1
        rng = np.random.default_rng([seed, number])
        chunk, chunk_sessions = _chunk(rng, min(USERS_PER_CHUNK, users_left), ties)
        chunk.user += np.uint32(users)
        chunk.session += np.uint32(sessions)
        users = int(chunk.user[-1]) + 1
        sessions += chunk_sessions
        rows += len(chunk.user)
        chunks.append(chunk)
    shop = Shop(**{f.name: np.concatenate([getattr(c, f.name) for c in chunks])[:events] for f in fields(Shop)})
    shop.session = _numbered_by_start(shop.session, shop.ts_us)
    return shop


def _chunk(rng: np.random.Generator, users: int, ties: bool) -> tuple[Shop, int]:
    per_user = _sessions_per_user(rng, users)
    session_user = np.repeat(np.arange(users, dtype=np.uint32), per_user)
    sessions = len(session_user)
    lengths = np.minimum(rng.geometric(1 / MEAN_SESSION_EVENTS, sessions), LONGEST_SESSION_EVENTS)
    page, action = _walk(rng, lengths)

    session = np.repeat(np.arange(sessions, dtype=np.uint32), lengths)
    ts_us = _instants(rng, sessions, lengths, action)
    if ties:
        ts_us -= ts_us % 30_000_000

    def per(values: dict[str, float], owners: int) -> np.ndarray:
        return rng.choice(len(values), owners, p=np.array(list(values.values()))).astype(np.uint8)

    home = per(COUNTRIES, users)[session_user]
    travels = rng.random(sessions) < 0.02
    country = np.where(travels, per(COUNTRIES, sessions), home)
    shop = Shop(
        user=session_user[session],
        session=session,
        ts_us=ts_us,
        page=page,
        action=action,
        country=country[session],
        device=per(DEVICES, sessions)[session],
        browser=per(BROWSERS, users)[session_user][session],
    )
    order = np.lexsort((ts_us, shop.user))
    shop = Shop(**{f.name: getattr(shop, f.name)[order] for f in fields(Shop)})
    if not ties:
        _keep_apart(shop)
    return shop, sessions


def _sessions_per_user(rng: np.random.Generator, users: int) -> np.ndarray:
    """On average 20/3 with a heavy tail: half of the users have up to 3, one in a thousand more than 100."""
    sigma = 1.25
    mean = EVENTS_PER_USER / MEAN_SESSION_EVENTS
    drawn = rng.lognormal(np.log(mean) - sigma**2 / 2, sigma, users)
    return np.clip(np.rint(drawn), 1, 3_000).astype(np.int64)


def _walk(rng: np.random.Generator, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pages and actions of all sessions, one after another."""
    sessions = len(lengths)
    pages = np.zeros((sessions, lengths.max()), dtype=np.uint16)
    actions = np.zeros((sessions, lengths.max()), dtype=np.uint8)
    product_chances = (1 / np.arange(1, PRODUCTS + 1) ** 0.9).cumsum()
    product_chances /= product_chances[-1]
    state = np.searchsorted(FIRST, rng.random(sessions) * 100, side="right")
    page = np.zeros(sessions, dtype=np.uint16)
    for step in range(lengths.max()):
        alive = np.flatnonzero(lengths > step)
        if step > 0:
            draw = rng.random(len(alive)) * 100
            state[alive] = (draw[:, None] >= NEXT[state[alive]]).sum(axis=1)
        now = state[alive]
        for code, fixed in [(HOME, 0), (CART, 1), (CHECKOUT, 2), (SEARCH, 3), (ACCOUNT, 4)]:
            page[alive[now == code]] = fixed
        at = alive[now == CATEGORY]
        page[at] = FIRST_CATEGORY + rng.integers(0, CATEGORIES, len(at))
        at = alive[now == PRODUCT]
        page[at] = FIRST_PRODUCT + np.searchsorted(product_chances, rng.random(len(at)))
        pages[alive, step] = page[alive]
        actions[alive[now == ADD], step] = 1
        actions[alive[now == BUY], step] = 2
        at = alive[now == OTHER]
        actions[at, step] = rng.integers(3, len(ACTIONS), len(at))
    inside = np.arange(lengths.max()) < lengths[:, None]
    return pages[inside], actions[inside]


def _instants(rng: np.random.Generator, sessions: int, lengths: np.ndarray, action: np.ndarray) -> np.ndarray:
    start = rng.integers(0, DAYS, sessions) * DAY_US
    start += rng.choice(24, sessions, p=HOURS / HOURS.sum()) * (DAY_US // 24)
    start += rng.integers(0, DAY_US // 24, sessions)
    start = np.minimum(start, DAYS * DAY_US - LONGEST_SESSION_US)
    gaps_us = (rng.exponential(np.where(action > 0, 6e6, 25e6)) + 200_000).astype(np.int64)
    firsts = np.concatenate(([0], lengths.cumsum()[:-1]))
    gaps_us[firsts] = 0
    elapsed_us = gaps_us.cumsum()
    elapsed_us -= np.repeat(elapsed_us[firsts], lengths)
    return START_US + np.repeat(start, lengths) + np.minimum(elapsed_us, LONGEST_SESSION_US - 1_000_000)


def _keep_apart(shop: Shop) -> None:
    """Moves events that share an instant with the one before by a microsecond."""
    while True:
        same = (shop.user[1:] == shop.user[:-1]) & (shop.ts_us[1:] <= shop.ts_us[:-1])
        late = np.flatnonzero(same) + 1
        if len(late) == 0:
            return
        shop.ts_us[late] = shop.ts_us[late - 1] + 1


def _numbered_by_start(session: np.ndarray, ts_us: np.ndarray) -> np.ndarray:
    start_us = np.full(int(session.max()) + 1, np.iinfo(np.int64).max)
    np.minimum.at(start_us, session, ts_us)
    rank = np.empty(len(start_us), dtype=np.uint32)
    rank[np.argsort(start_us, kind="stable")] = np.arange(len(start_us), dtype=np.uint32)
    return rank[session]
