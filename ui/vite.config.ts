import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

/** Where the server is while developing. With both keys set, they stand in for the login. */
const server = process.env.WHODID_URL ?? "http://127.0.0.1:8126";
const { WHODID_API_KEY: apiKey, WHODID_APP_KEY: appKey } = process.env;
const headers: Record<string, string> =
  apiKey && appKey ? { "DD-API-KEY": apiKey, "DD-APPLICATION-KEY": appKey } : {};
const proxy = { "/api": { target: server, changeOrigin: true, headers } };

/** The policy that the server sends, so that `vite preview` fails where the binary would. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'nonce-preview'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join("; ");

export default defineConfig({
  plugins: [react(), tailwindcss()],
  server: { proxy, host: "127.0.0.1" },
  preview: { proxy, host: "127.0.0.1", headers: { "Content-Security-Policy": policy } },
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1024,
  },
  test: { include: ["src/**/*.test.{ts,tsx}"], environment: "node" },
});
