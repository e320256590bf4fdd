import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useId, useState } from "react";
import { envelope, type Resource, request } from "../api/client";
import { Button, IconButton } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { ago, Empty, ErrorBox, SkeletonRows } from "../ui/feedback";
import { Card, Labelled } from "../ui/page";
import { Select } from "../ui/select";
import { type Column, DataTable } from "../ui/table";
import { toast, toastError } from "../ui/toast";
import { type PersonAttributes, usePeople } from "./queries";

const ROLES = [
  { value: "viewer", label: "viewer" },
  { value: "editor", label: "editor" },
  { value: "admin", label: "admin" },
] as const;

type Person = Resource<PersonAttributes>;

/** Who may log in. */
export function People() {
  const people = usePeople();
  const client = useQueryClient();
  const [adding, setAdding] = useState(false);
  const [removing, setRemoving] = useState<Person | null>(null);
  const refresh = () => void client.invalidateQueries({ queryKey: ["collection", "/people"] });
  const change = useMutation({
    mutationFn: ({ id, role }: { id: string; role: PersonAttributes["role"] }) =>
      request("PATCH", `/people/${id}`, { body: envelope("person", { role }) }),
    onSuccess: refresh,
    onError: (error) => toastError("The role could not be changed", error),
  });
  const remove = useMutation({
    mutationFn: (person: Person) => request<void>("DELETE", `/people/${person.id}`),
    onSuccess: () => {
      refresh();
      setRemoving(null);
      toast("Removed");
    },
  });
  const columns: Column<Person>[] = [
    {
      id: "name",
      header: "Name",
      cell: ({ attributes }) => <span className="font-medium">{attributes.name}</span>,
    },
    { id: "email", header: "Address", cell: ({ attributes }) => attributes.email },
    {
      id: "role",
      header: "Role",
      width: "9rem",
      cell: ({ id, attributes }) => (
        <Select
          label={`Role of ${attributes.name}`}
          look="inline"
          value={attributes.role}
          choices={ROLES}
          onChange={(role) => change.mutate({ id, role })}
        />
      ),
    },
    {
      id: "login",
      header: "Last login",
      width: "8rem",
      cell: ({ attributes }) =>
        attributes.last_login_at ? (
          ago(Math.max(0, Date.now() - Date.parse(attributes.last_login_at)))
        ) : (
          <span className="text-ink-3">never</span>
        ),
    },
    {
      id: "do",
      header: "",
      width: "4rem",
      align: "right",
      cell: (person) => (
        <IconButton
          icon="trash"
          label={`Remove ${person.attributes.name}`}
          onClick={() => setRemoving(person)}
        />
      ),
    },
  ];
  return (
    <Card
      title="People"
      flush
      actions={
        <Button size="sm" icon="plus" look="primary" onClick={() => setAdding(true)}>
          Add somebody
        </Button>
      }
    >
      {people.error ? (
        <div className="p-4">
          <ErrorBox
            error={people.error}
            title="The people can't be listed"
            retry={() => void people.refetch()}
          />
        </div>
      ) : people.isPending ? (
        <SkeletonRows rows={3} />
      ) : (
        <DataTable
          label="People"
          rows={people.data}
          columns={columns}
          rowKey={(person) => person.id}
          rowHeight={44}
          empty={
            <Empty icon="users" title="Nobody yet">
              So far only keys open this app. Add people, and each logs in with an address and a password.
            </Empty>
          }
        />
      )}
      <AddPerson
        open={adding}
        onClose={() => setAdding(false)}
        onDone={() => {
          refresh();
          setAdding(false);
        }}
      />
      <Dialog
        open={removing !== null}
        onClose={() => setRemoving(null)}
        title={`Remove ${removing?.attributes.name}?`}
        description="They are logged out and can't log in any more."
        width="sm"
        footer={
          <>
            <Button onClick={() => setRemoving(null)}>Keep</Button>
            <Button look="danger" busy={remove.isPending} onClick={() => removing && remove.mutate(removing)}>
              Remove
            </Button>
          </>
        }
      >
        <ErrorBox error={remove.error} />
      </Dialog>
    </Card>
  );
}

function AddPerson({ open, onClose, onDone }: { open: boolean; onClose: () => void; onDone: () => void }) {
  const [role, setRole] = useState<PersonAttributes["role"]>("viewer");
  const form = useId();
  const add = useMutation({
    mutationFn: (fields: FormData) =>
      request("POST", "/people", {
        body: envelope("person", {
          email: fields.get("email"),
          name: fields.get("name"),
          password: fields.get("password"),
          role,
        }),
      }),
    onSuccess: onDone,
  });
  return (
    <Dialog
      open={open}
      onClose={onClose}
      title="Add somebody"
      width="sm"
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit" form={form} busy={add.isPending}>
            Add
          </Button>
        </>
      }
    >
      <form
        id={form}
        className="space-y-3"
        onSubmit={(event) => {
          event.preventDefault();
          add.mutate(new FormData(event.currentTarget));
        }}
      >
        <Labelled label="Name">
          <input name="name" className="field w-full" required />
        </Labelled>
        <Labelled label="Address">
          <input name="email" type="email" className="field w-full" required autoComplete="off" />
        </Labelled>
        <Labelled label="First password" hint="At least 10 characters.">
          <input
            name="password"
            type="password"
            minLength={10}
            className="field w-full"
            required
            autoComplete="new-password"
          />
        </Labelled>
        <div>
          <span className="mb-1 block font-medium">Role</span>
          <Select label="Role" className="w-full" value={role} choices={ROLES} onChange={setRole} />
        </div>
        <ErrorBox error={add.error} />
      </form>
    </Dialog>
  );
}
