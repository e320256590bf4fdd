import { Button } from "../ui/button";
import { copyText } from "../ui/copy";
import { Dialog } from "../ui/dialog";

/** A secret that is shown this once. */
export function SecretOnce({ secret, what, onClose }: { secret: string; what: string; onClose: () => void }) {
  return (
    <Dialog
      open
      onClose={onClose}
      title={`The secret of ${what}`}
      description="Copy it now: only its fingerprint is kept, and it can't be shown again."
      width="sm"
      footer={
        <>
          <Button icon="copy" onClick={() => void copyText(secret, "Secret")}>
            Copy
          </Button>
          <Button look="primary" onClick={onClose}>
            I have it
          </Button>
        </>
      }
    >
      <code className="block rounded-md bg-sunken p-3 font-mono text-xs break-all select-all">{secret}</code>
    </Dialog>
  );
}
