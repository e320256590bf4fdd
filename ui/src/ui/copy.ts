import { toast, toastError } from "./toast";

/** Puts text on the clipboard and says so. */
export async function copyText(text: string, what: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toast(`${what} copied`);
  } catch (error) {
    toastError(`${what} could not be copied`, error);
  }
}
