import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { type One, request } from "../api/client";
import { useShared } from "../app/search";
import { buttonClass } from "../ui/button";
import { AsOf, Badge, ErrorBox, Skeleton } from "../ui/feedback";
import { Card, Page } from "../ui/page";
import { Memberships } from "./memberships";
import { columnName, type Kind } from "./state";
import { Timeline } from "./timeline";
import { valueText } from "./value";

type Attributes = Record<string, unknown>;

/** One user or account: who it is, what it did, and which segments it is in. */
export function Profile({ kind }: { kind: Kind }) {
  const { id = "" } = useParams({ strict: false }) as { id?: string };
  const { range } = useShared();
  const path = `/${kind}s/${encodeURIComponent(id)}`;
  const profile = useQuery({
    queryKey: ["profile", kind, id],
    retry: false,
    queryFn: ({ signal }) => request<One<Attributes>>("GET", path, { signal }),
  });
  const attributes = profile.data?.data.attributes ?? {};
  const name = String(attributes[`${kind}_name`] ?? attributes[`${kind}_email`] ?? id);
  const accounts =
    kind === "user" && Array.isArray(attributes.account_id) ? attributes.account_id.map(String) : [];
  return (
    <Page
      title={profile.isPending ? id : name}
      subtitle={
        <span className="flex flex-wrap items-center gap-x-3 gap-y-1">
          {name !== id && <code className="font-mono text-xs">{id}</code>}
          {typeof attributes.user_email === "string" && attributes.user_email !== name && (
            <span>{attributes.user_email}</span>
          )}
          {attributes.is_anonymous === true && <Badge>anonymous</Badge>}
          {accounts.map((account) => (
            <Link
              key={account}
              to="/accounts/$id"
              params={{ id: account }}
              className="text-accent-ink hover:underline"
            >
              {account}
            </Link>
          ))}
          <AsOf at={profile.data?.meta.as_of} />
        </span>
      }
      actions={
        kind === "account" && (
          <Link to="/users" search={{ q: `account_id:${id}` } as never} className={buttonClass()}>
            Its users
          </Link>
        )
      }
    >
      {profile.error ? (
        <ErrorBox
          error={profile.error}
          title={`This ${kind} can't be shown`}
          retry={() => void profile.refetch()}
        />
      ) : (
        <>
          <Headline attributes={attributes} pending={profile.isPending} timezone={range.timezone} />
          <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_22rem]">
            <div className="min-w-0 space-y-4 max-lg:order-2">
              <Timeline path={path} timezone={range.timezone} showUser={kind === "account"} />
            </div>
            <div className="min-w-0 space-y-4 max-lg:order-1">
              <Memberships
                kind={kind}
                id={id}
                firstSeen={attributes.first_seen === undefined ? undefined : String(attributes.first_seen)}
              />
              <FirstAndLast attributes={attributes} pending={profile.isPending} timezone={range.timezone} />
              <OtherAttributes kind={kind} attributes={attributes} timezone={range.timezone} />
            </div>
          </div>
        </>
      )}
    </Page>
  );
}

const HEADLINE = [
  "events_count",
  "session_count",
  "user_count",
  "first_seen",
  "last_seen",
  "avg_loading_time",
];

function Headline({
  attributes,
  pending,
  timezone,
}: {
  attributes: Attributes;
  pending: boolean;
  timezone: string;
}) {
  const names = pending
    ? HEADLINE.slice(0, 5)
    : HEADLINE.filter((name) => attributes[name] !== undefined && attributes[name] !== null);
  return (
    <dl className="mb-4 grid grid-cols-2 gap-3 sm:grid-cols-3 xl:grid-cols-5">
      {names.slice(0, 5).map((name) => (
        <div key={name} className="card px-4 py-3">
          <dt className="text-xs text-ink-3">{columnName(name)}</dt>
          <dd className="num truncate text-base font-semibold">
            {pending ? <Skeleton className="mt-1 h-4 w-24" /> : valueText(name, attributes[name], timezone)}
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** What was known at the first visit, beside the last. */
function FirstAndLast({
  attributes,
  pending,
  timezone,
}: {
  attributes: Attributes;
  pending: boolean;
  timezone: string;
}) {
  const names = [
    ...new Set(Object.keys(attributes).flatMap((name) => /^(?:first|last)_(.+)$/.exec(name)?.[1] ?? [])),
  ]
    .filter(
      (name) =>
        name !== "seen" &&
        name !== "seen_application" &&
        !(name === "country_code" && "last_country" in attributes),
    )
    .sort();
  if (!pending && names.length === 0) return null;
  return (
    <Card title="First and last visit" flush>
      {pending ? (
        <Skeleton className="m-4 h-32" />
      ) : (
        <table className="w-full table-fixed text-left">
          <thead>
            <tr className="border-b border-line text-xs text-ink-3">
              <th scope="col" className="w-2/5 px-4 py-1.5 font-medium">
                <span className="sr-only">Attribute</span>
              </th>
              <th scope="col" className="px-2 py-1.5 font-medium">
                First
              </th>
              <th scope="col" className="px-2 py-1.5 font-medium">
                Last
              </th>
            </tr>
          </thead>
          <tbody>
            {names.map((name) => {
              const [first, last] = [attributes[`first_${name}`], attributes[`last_${name}`]];
              return (
                <tr key={name} className="border-b border-line last:border-0">
                  <th scope="row" className="px-4 py-1.5 font-normal text-ink-2">
                    {columnName(name)}
                  </th>
                  <td className="px-2 py-1.5 break-words">{valueText(name, first, timezone)}</td>
                  <td className={`px-2 py-1.5 break-words ${first !== last ? "font-medium" : ""}`}>
                    {valueText(name, last, timezone)}
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      )}
    </Card>
  );
}

function OtherAttributes({
  kind,
  attributes,
  timezone,
}: {
  kind: Kind;
  attributes: Attributes;
  timezone: string;
}) {
  const hidden = new Set([...HEADLINE, `${kind}_id`, `${kind}_name`, "is_anonymous", "account_id"]);
  const names = Object.keys(attributes).filter((name) => !hidden.has(name) && !/^(first|last)_/.test(name));
  if (names.length === 0) return null;
  return (
    <Card title="Attributes" flush>
      <dl>
        {names.sort().map((name) => (
          <div key={name} className="flex gap-3 border-b border-line px-4 py-1.5 last:border-0">
            <dt className="w-2/5 shrink-0 text-ink-2">{columnName(name)}</dt>
            <dd className="min-w-0 break-words">{valueText(name, attributes[name], timezone)}</dd>
          </div>
        ))}
      </dl>
    </Card>
  );
}
