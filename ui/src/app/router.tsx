import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  redirect,
  retainSearchParams,
} from "@tanstack/react-router";
import { ErrorBox, SkeletonRows } from "../ui/feedback";
import { NotFound } from "./not-found";
import { PAGES } from "./pages";
import { readShared } from "./search";
import { Shell } from "./shell";

type Search = Record<string, unknown>;

const root = createRootRoute({
  component: Shell,
  notFoundComponent: NotFound,
  validateSearch: (search: Search): Search => ({ ...search, ...readShared(search) }),
  search: { middlewares: [retainSearchParams(["range", "tz", "segment"])] },
});

const home = createRoute({
  getParentRoute: () => root,
  path: "/",
  beforeLoad: () => {
    throw redirect({ to: "/segments" as string });
  },
});

const pages = PAGES.map((page) =>
  createRoute({
    getParentRoute: () => root,
    path: page.path,
    component: lazyRouteComponent(page.load),
  }),
);

export const router = createRouter({
  routeTree: root.addChildren([home, ...pages]),
  defaultPreload: "intent",
  scrollRestoration: true,
  defaultPendingComponent: () => <SkeletonRows rows={8} />,
  defaultErrorComponent: ({ error, reset }) => (
    <div className="p-6">
      <ErrorBox error={error} retry={reset} title="This page failed" />
    </div>
  ),
});
