import { Link } from "@tanstack/react-router";
import { Builder } from "../segments/builder/builder";
import { Icon } from "../ui/icons";
import { Page } from "../ui/page";

export default function NewSegmentPage() {
  return (
    <Page title="New segment" actions={<Source />}>
      <Builder />
    </Page>
  );
}

/** Where a segment's members come from. */
export function Source() {
  const look =
    "inline-flex h-8 items-center gap-2 rounded-md px-3 font-medium text-ink-2 hover:text-ink data-[status=active]:bg-surface data-[status=active]:text-ink data-[status=active]:shadow-card";
  return (
    <nav aria-label="Source" className="inline-flex rounded-lg bg-sunken p-0.5">
      <Link to="/segments/new" className={look}>
        <Icon name="explorer" />
        Product Analytics
      </Link>
      <Link to="/segments/import" className={look}>
        <Icon name="upload" />
        CSV file
      </Link>
    </nav>
  );
}
