import type { ComponentType } from "react";
import type { IconName } from "../ui/icons";

export interface PageInfo {
  path: string;
  title: string;
  load: () => Promise<{ default: ComponentType }>;
  /** In the side navigation. */
  nav?: { icon: IconName; group: "Who" | "What they do" | "Workspace" };
  /** For `g` and this letter. */
  key?: string;
}

/** Every page of the app, in the order of the navigation. Each is a chunk of its own. */
export const PAGES: PageInfo[] = [
  {
    path: "/segments",
    title: "Segments",
    load: () => import("../pages/segments"),
    nav: { icon: "segments", group: "Who" },
    key: "s",
  },
  {
    path: "/users",
    title: "Users",
    load: () => import("../pages/users"),
    nav: { icon: "users", group: "Who" },
    key: "u",
  },
  {
    path: "/accounts",
    title: "Accounts",
    load: () => import("../pages/accounts"),
    nav: { icon: "accounts", group: "Who" },
    key: "a",
  },
  {
    path: "/explorer",
    title: "Explorer",
    load: () => import("../pages/explorer"),
    nav: { icon: "explorer", group: "What they do" },
    key: "e",
  },
  {
    path: "/funnel",
    title: "Funnel",
    load: () => import("../pages/funnel"),
    nav: { icon: "funnel", group: "What they do" },
    key: "f",
  },
  {
    path: "/pathways",
    title: "Pathways",
    load: () => import("../pages/pathways"),
    nav: { icon: "pathways", group: "What they do" },
    key: "p",
  },
  {
    path: "/retention",
    title: "Retention",
    load: () => import("../pages/retention"),
    nav: { icon: "retention", group: "What they do" },
    key: "r",
  },
  {
    path: "/charts",
    title: "Saved charts",
    load: () => import("../pages/charts"),
    nav: { icon: "charts", group: "What they do" },
    key: "c",
  },
  {
    path: "/setup",
    title: "Set up",
    load: () => import("../pages/setup"),
    nav: { icon: "setup", group: "Workspace" },
  },
  {
    path: "/settings",
    title: "Settings",
    load: () => import("../pages/settings"),
    nav: { icon: "settings", group: "Workspace" },
  },
  { path: "/segments/new", title: "New segment", load: () => import("../pages/segment-new"), key: "n" },
  { path: "/segments/import", title: "Segment from a list", load: () => import("../pages/segment-import") },
  { path: "/segments/compare", title: "Compare segments", load: () => import("../pages/segment-compare") },
  { path: "/segments/$id", title: "Segment", load: () => import("../pages/segment") },
  { path: "/segments/$id/edit", title: "Edit segment", load: () => import("../pages/segment-edit") },
  { path: "/users/$id", title: "User", load: () => import("../pages/user") },
  { path: "/accounts/$id", title: "Account", load: () => import("../pages/account") },
];
