import { oneOf, unless } from "../analysis/read";
import { type SearchCodec, useSearchState } from "../app/search";
import { useMay } from "../app/session";
import { Audit } from "../settings/audit";
import { Keys } from "../settings/keys";
import { People } from "../settings/people";
import { Status } from "../settings/status";
import { Empty } from "../ui/feedback";
import { Page } from "../ui/page";
import { Tabs } from "../ui/tabs";

const TABS = ["keys", "people", "status", "changes"] as const;
type Tab = (typeof TABS)[number];

const codec: SearchCodec<{ tab: Tab }> = {
  read: (search) => ({ tab: oneOf(search.tab, TABS, "keys") }),
  write: ({ tab }) => ({ tab: unless(tab, "keys") }),
};

export default function SettingsPage() {
  const [{ tab }, set] = useSearchState(codec);
  const admin = useMay("admin");
  const guarded = (panel: () => React.ReactNode) => () =>
    admin ? (
      panel()
    ) : (
      <Empty icon="settings" title="For admins">
        Ask somebody with the role of an admin, or log in with an admin key.
      </Empty>
    );
  return (
    <Page title="Settings">
      <Tabs
        value={tab}
        onChange={(next) => set({ tab: next }, "push")}
        tabs={[
          { value: "keys", label: "Keys", panel: guarded(() => <Keys />) },
          { value: "people", label: "People", panel: guarded(() => <People />) },
          { value: "status", label: "Status", panel: () => <Status /> },
          { value: "changes", label: "Changes", panel: guarded(() => <Audit />) },
        ]}
      />
    </Page>
  );
}
