// Starts the stand-in's binary on a free port. SLACKSTUB_BIN names a binary
// that is built already; otherwise it is built with go.
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
let binary = process.env.SLACKSTUB_BIN;

function build() {
  if (!binary) {
    binary = join(mkdtempSync(join(tmpdir(), "slackstub-")), "slackstub");
    execFileSync("go", ["build", "-o", binary, "../cmd/slackstub"], { cwd: here, stdio: "inherit" });
  }
  return binary;
}

export const people = { alice: "U0000ALICE", bob: "U00000BOB0", carol: "U0000CAROL", xena: "U0000XENA0", bot: "U0000SIGNB" };
export const alerts = "C0000ALERT";

/** Runs a stand-in; stop() fails where it recorded problems that are not allowed. */
export async function start(...flags) {
  const child = spawn(build(), ["-unlimited", ...flags], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = new Promise(done => child.once("exit", done));
  const line = await new Promise((done, fail) => {
    createInterface({ input: child.stdout }).once("line", done);
    child.once("exit", code => fail(new Error(`slackstub ended with ${code}`)));
  });
  const at = JSON.parse(line);
  const json = async (path, body) => {
    const res = await fetch(at.page + path, body === undefined ? {} : { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });
    return res.json();
  };
  return {
    ...at,
    state: () => json("_ctl/state"),
    ctl: (name, body = {}) => json("_ctl/" + name, body),
    async messages(channel = alerts) { return (await json("_ctl/state")).messages[channel] ?? []; },
    async stop() {
      const { failed } = await json("_ctl/state");
      child.kill("SIGTERM");
      await exited;
      if (failed) throw new Error("the stand-in recorded problems:\n" + failed);
    },
  };
}

/** Polls until look() returns something true. */
export async function until(look, what = "condition", ms = 20000) {
  for (const end = Date.now() + ms; Date.now() < end; ) {
    const v = await look();
    if (v) return v;
    await new Promise(r => setTimeout(r, 20));
  }
  throw new Error(`${what} did not come true within ${ms} ms`);
}
