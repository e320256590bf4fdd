import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { Button } from "../ui/button";
import { ErrorBox } from "../ui/feedback";
import { Labelled } from "../ui/page";
import { Segmented } from "../ui/tabs";
import { type Credentials, logIn, type Session } from "./session";

type Way = "password" | "key";

/** Key, e-mail and password, or the one-time code in the address (`/login#code=…`), which logs in by itself. */
export default function Login({ onDone }: { onDone: (session: Session) => void }) {
  const [way, setWay] = useState<Way>("password");
  const login = useMutation({
    mutationFn: (credentials: Credentials) => logIn(credentials),
    onSuccess: (session) => {
      if (location.pathname === "/login") history.replaceState(null, "", "/segments");
      onDone(session);
      // The router reads the address that was just replaced.
      window.dispatchEvent(new PopStateEvent("popstate"));
    },
  });
  useOneTimeCode((code) => login.mutate({ code }));
  useEffect(() => {
    document.title = "Log in · Whodid";
  }, []);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const text = (name: string) => String(form.get(name) ?? "").trim();
    login.mutate(
      way === "key"
        ? { key: text("key") }
        : { email: text("email"), password: String(form.get("password") ?? "") },
    );
  };
  return (
    <main className="grid min-h-full place-items-center p-4">
      <div className="card w-full max-w-sm p-6">
        <h1 className="mb-1 flex items-center gap-2 text-xl font-semibold">
          <img src="/favicon.svg" alt="" width={26} height={26} />
          Whodid
        </h1>
        <p className="mb-4 text-ink-2">Who did what, then what, and who did not.</p>
        <Segmented
          label="How to log in"
          value={way}
          onChange={setWay}
          choices={[
            { value: "password", label: "E-mail" },
            { value: "key", label: "Application key" },
          ]}
        />
        <form onSubmit={submit} className="mt-4 space-y-3">
          {way === "password" ? (
            <>
              <Labelled label="E-mail">
                <input name="email" type="email" required autoComplete="username" className="field w-full" />
              </Labelled>
              <Labelled label="Password">
                <input
                  name="password"
                  type="password"
                  required
                  autoComplete="current-password"
                  className="field w-full"
                />
              </Labelled>
            </>
          ) : (
            <Labelled label="Application key" hint="The first start of the server printed one.">
              <input name="key" type="password" required autoComplete="off" className="field w-full" />
            </Labelled>
          )}
          <ErrorBox error={login.error} title="Not logged in" />
          <Button type="submit" look="primary" className="w-full" busy={login.isPending}>
            {login.isPending ? "Logging in…" : "Log in"}
          </Button>
        </form>
      </div>
    </main>
  );
}

/** Takes the code out of the address at once, so that it stays in no history. */
function useOneTimeCode(use: (code: string) => void) {
  const used = useRef(false);
  const latest = useRef(use);
  latest.current = use;
  useEffect(() => {
    const code = new URLSearchParams(location.hash.slice(1)).get("code");
    if (!code || used.current) return;
    used.current = true;
    history.replaceState(null, "", location.pathname);
    latest.current(code);
  }, []);
}
