"""The right answers, by brute force over the generated codes: no file, no search syntax, no engine in between.

A question's answer here and the SQL of the peers say the same as `queries/<question>.json`, each in its own words.
"""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from . import shop as story
from .shop import Shop

HOUR_US = 3_600_000_000
NEVER = -1


def answers(shop: Shop, file: Path) -> dict[str, dict]:
    """Computes each answer once and keeps it in `file`."""
    if file.exists():
        return json.loads(file.read_text())
    found = {name: answer(shop) for name, answer in QUESTIONS.items()}
    file.write_text(json.dumps(found, indent=1) + "\n")
    return found


def sequence(shop: Shop) -> dict:
    """Walks the events of Brazil that matter, session by session."""
    brazil = shop.country == list(story.COUNTRIES).index("Brazil")
    cart = _views(shop, "/cart") & brazil
    checkout = _clicks(shop, "CHECKOUT") & brazil
    carts, checkouts, owner = {}, {}, {}
    for row in np.flatnonzero(cart | checkout).tolist():
        session = int(shop.session[row])
        owner[session] = int(shop.user[row])
        (carts if cart[row] else checkouts).setdefault(session, []).append(int(shop.ts_us[row]))
    then, negative = set(), set()
    for session, views in carts.items():
        clicks = checkouts.get(session, [])
        for view in views:
            followed = any(click >= view for click in clicks)
            (then if followed else negative).add(owner[session])
    return {"then": len(then), "not": len(negative)}


def funnel(shop: Shop) -> dict:
    """For every step the latest beginning of an attempt that got there: no other attempt can last longer."""
    step = np.zeros(len(shop.user), dtype=np.uint8)
    for number, matches in enumerate(
        [_views(shop, "/"), _products(shop), _clicks(shop, "ADD TO CART"), _clicks(shop, "CHECKOUT")], start=1
    ):
        step[matches] = number
    rows = np.flatnonzero(step)
    # At one instant either order will do: earlier steps come first.
    rows = rows[np.lexsort((step[rows], shop.ts_us[rows], shop.user[rows]))]
    reached = [0, 0, 0, 0]
    current, depth, began = None, 0, []
    for user, ts_us, number in zip(shop.user[rows].tolist(), shop.ts_us[rows].tolist(), step[rows].tolist()):
        if user != current:
            for level in range(depth):
                reached[level] += 1
            current, depth, began = user, 0, [NEVER] * 5
        began[number] = ts_us if number == 1 else max(began[number], began[number - 1])
        if began[number] != NEVER and ts_us - began[number] <= 24 * HOUR_US:
            depth = max(depth, number)
    for level in range(depth):
        reached[level] += 1
    return {"steps": reached}


def repeated(shop: Shop) -> dict:
    views = np.bincount(shop.user[_products(shop)])
    return {"members": int((views >= 5).sum())}


def top(shop: Shop) -> dict:
    return _top(shop, shop.action == 0)


def top_in_segment(shop: Shop) -> dict:
    members = np.zeros(int(shop.user.max()) + 1, dtype=bool)
    members[shop.user[_views(shop, "/cart")]] = True
    return _top(shop, (shop.action == 0) & members[shop.user])


QUESTIONS: dict[str, Callable[[Shop], dict]] = {
    "sequence": sequence,
    "funnel": funnel,
    "repeated": repeated,
    "top": top,
    "top_in_segment": top_in_segment,
}


def _views(shop: Shop, page: str) -> np.ndarray:
    return (shop.action == 0) & (shop.page == story.PAGES.index(page))


def _products(shop: Shop) -> np.ndarray:
    return (shop.action == 0) & (shop.page >= story.FIRST_PRODUCT)


def _clicks(shop: Shop, action: str) -> np.ndarray:
    return shop.action == story.ACTIONS.index(action)


def _top(shop: Shop, rows: np.ndarray) -> dict:
    page, user = shop.page[rows], shop.user[rows]
    views = np.bincount(page, minlength=len(story.PAGES))
    pairs = np.unique(page.astype(np.uint64) << np.uint64(32) | user)
    users = np.bincount((pairs >> np.uint64(32)).astype(np.int64), minlength=len(story.PAGES))
    ranked = sorted((-int(views[code]), story.PAGES[code], int(users[code])) for code in np.flatnonzero(views))
    return {"top": [[name, -count, unique] for count, name, unique in ranked[:20]]}
