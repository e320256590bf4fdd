import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, Outlet, useLocation } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useState } from "react";
import { setUnauthorizedHandler } from "../api/client";
import { SegmentPicker } from "../segments/picker";
import { RangePicker } from "../time/picker";
import { IconButton } from "../ui/button";
import { cx } from "../ui/cx";
import { ErrorBox, SkeletonRows } from "../ui/feedback";
import { Icon } from "../ui/icons";
import { Menu } from "../ui/menu";
import { toastError } from "../ui/toast";
import { PAGES } from "./pages";
import { logOut, readSession, type Session, SessionProvider } from "./session";
import { useShortcuts } from "./shortcuts";
import { chooseTheme, useTheme } from "./theme";

const Login = lazy(() => import("./login"));
const Palette = lazy(() => import("./palette"));
const ShortcutHelp = lazy(() => import("./shortcut-help"));

/** Everything around a page; without a session, the login. */
export function Shell() {
  const queries = useQueryClient();
  const session = useQuery({
    queryKey: ["session"],
    queryFn: readSession,
    staleTime: Number.POSITIVE_INFINITY,
  });
  useEffect(() => {
    setUnauthorizedHandler(() => queries.setQueryData(["session"], null));
  }, [queries]);
  if (session.isPending) return <SkeletonRows rows={3} />;
  if (session.isError) {
    return (
      <main className="mx-auto max-w-xl p-8">
        <ErrorBox error={session.error} retry={() => session.refetch()} title="Whodid does not answer" />
      </main>
    );
  }
  if (!session.data) {
    return (
      <Suspense fallback={null}>
        <Login onDone={(next) => queries.setQueryData(["session"], next)} />
      </Suspense>
    );
  }
  return (
    <SessionProvider session={session.data}>
      <Frame session={session.data} />
    </SessionProvider>
  );
}

function Frame({ session }: { session: Session }) {
  const [navOpen, setNavOpen] = useState(false);
  const [paletteOpen, setPaletteOpen] = useState(false);
  const [helpOpen, setHelpOpen] = useState(false);
  const { pathname } = useLocation();
  // biome-ignore lint/correctness/useExhaustiveDependencies: another page closes the drawer
  useEffect(() => setNavOpen(false), [pathname]);
  useShortcuts({ openPalette: () => setPaletteOpen(true), openHelp: () => setHelpOpen(true) });
  return (
    <div className="flex min-h-full">
      <a
        href="#content"
        className="sr-only z-50 rounded-md bg-accent px-3 py-2 text-on-accent focus:not-sr-only focus:fixed focus:top-2 focus:left-2"
      >
        Skip to the content
      </a>
      {navOpen && (
        <button
          type="button"
          aria-label="Close navigation"
          className="fixed inset-0 z-30 bg-black/40 lg:hidden"
          onClick={() => setNavOpen(false)}
        />
      )}
      <Navigation open={navOpen} session={session} />
      <div className="flex min-w-0 flex-1 flex-col">
        <header className="sticky top-0 z-20 flex h-12 items-center gap-2 border-b border-line bg-surface px-3 sm:px-6">
          <IconButton icon="menu" label="Navigation" className="lg:hidden" onClick={() => setNavOpen(true)} />
          <SegmentPicker />
          <div className="flex-1" />
          <button
            type="button"
            onClick={() => setPaletteOpen(true)}
            className="field hidden w-44 items-center gap-2 text-ink-3 md:flex"
          >
            <Icon name="search" size={14} />
            <span className="flex-1 text-left">Go to…</span>
            <kbd className="font-sans text-xs">⌘K</kbd>
          </button>
          <IconButton
            icon="search"
            label="Go to…"
            className="md:hidden"
            onClick={() => setPaletteOpen(true)}
          />
          <RangePicker />
        </header>
        <main id="content" tabIndex={-1} className="min-w-0 flex-1 outline-none">
          <Outlet />
        </main>
      </div>
      <Suspense fallback={null}>
        {paletteOpen && <Palette onClose={() => setPaletteOpen(false)} onHelp={() => setHelpOpen(true)} />}
        {helpOpen && <ShortcutHelp onClose={() => setHelpOpen(false)} />}
      </Suspense>
    </div>
  );
}

const GROUPS = ["Who", "What they do", "Workspace"] as const;

function Navigation({ open, session }: { open: boolean; session: Session }) {
  return (
    <aside
      className={cx(
        "fixed inset-y-0 left-0 z-40 flex w-52 shrink-0 flex-col border-r border-line bg-surface transition-[translate,visibility]",
        "lg:sticky lg:top-0 lg:h-dvh lg:translate-x-0 lg:visible",
        open ? "translate-x-0 shadow-pop" : "-translate-x-full invisible",
      )}
    >
      <Link to="/segments" className="flex h-12 items-center gap-2 px-4 text-lg font-semibold tracking-tight">
        <img src="/favicon.svg" alt="" width={22} height={22} />
        Whodid
      </Link>
      <nav aria-label="Pages" className="flex-1 overflow-y-auto px-2 pb-4">
        {GROUPS.map((group) => (
          <div key={group} className="mt-3 first:mt-1">
            <h2 className="px-2 pb-1 text-xs font-medium text-ink-3">{group}</h2>
            <ul>
              {PAGES.filter((page) => page.nav?.group === group).map((page) => (
                <li key={page.path}>
                  <Link
                    to={page.path}
                    className="flex h-8 items-center gap-2.5 rounded-md px-2 text-ink-2 hover:bg-hover hover:text-ink aria-[current=page]:bg-accent-soft aria-[current=page]:font-medium aria-[current=page]:text-accent-ink"
                  >
                    {page.nav && <Icon name={page.nav.icon} />}
                    {page.title}
                  </Link>
                </li>
              ))}
            </ul>
          </div>
        ))}
      </nav>
      <Me session={session} />
    </aside>
  );
}

function Me({ session }: { session: Session }) {
  const queries = useQueryClient();
  const { choice } = useTheme();
  const leave = () =>
    logOut().then(
      () => {
        queries.setQueryData(["session"], null);
        queries.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== "session" });
      },
      (error) => toastError("You are still logged in", error),
    );
  const mark = (name: string) => (choice === name ? "✓" : undefined);
  return (
    <div className="border-t border-line p-2">
      <Menu
        trigger={
          <button type="button" className="flex h-9 w-full items-center gap-2 rounded-md px-2 hover:bg-hover">
            <Icon name="user" />
            <span className="min-w-0 flex-1 truncate text-left">{session.name}</span>
            <Icon name="more" />
          </button>
        }
        entries={[
          { label: "Light", icon: "sun", hint: mark("light"), run: () => chooseTheme("light") },
          { label: "Dark", icon: "moon", hint: mark("dark"), run: () => chooseTheme("dark") },
          { label: "As the system", hint: mark("system"), run: () => chooseTheme("system") },
          "separator",
          { label: "Log out", run: leave, disabled: !session.csrf_token },
        ]}
      />
    </div>
  );
}
