// @ts-check
/* Bundles main.js and what it imports into studio.js, which is committed: whoever only runs the app needs no Node.
 *
 * node build.js           write it
 * node build.js --check   fail where the one that is there is another
 *
 * Its first line holds a digest of the sources and one of itself, so that a stale or a changed one is found without
 * Node as well (tests/ui/test_page_files.py reads the same files in the same order).
 */

import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const BUNDLE = join(HERE, "studio.js");
const NOT_OURS = new Set(["node_modules", "build.js", "studio.js"]);

/**
 * @param {string} folder
 * @returns {string[]} paths of scripts from here, with slashes
 */
const scriptsIn = (folder) =>
  readdirSync(join(HERE, folder), { withFileTypes: true })
    .filter((it) => !NOT_OURS.has(it.name))
    .flatMap((it) => {
      const path = folder ? `${folder}/${it.name}` : it.name;
      if (it.isDirectory()) return scriptsIn(path);
      return it.name.endsWith(".js") ? [path] : [];
    });

/** @param {string} text */
const digest = (text) => createHash("sha256").update(text).digest("hex");

const sources = () =>
  scriptsIn("")
    .sort()
    .map((path) => `${path}\n${readFileSync(join(HERE, path), "utf-8").replaceAll("\r\n", "\n")}\n`)
    .join("");

const bundled = async () => {
  const { outputFiles } = await build({
    absWorkingDir: HERE,
    entryPoints: ["main.js"],
    bundle: true,
    format: "iife",
    target: "es2023",
    charset: "utf8",
    write: false,
  });
  const { text } = outputFiles[0];
  const made = `sources ${digest(sources())}, text ${digest(text)}`;
  return `/* ${made}: from main.js by \`npm run build\`. Do not change it here. */\n${text}`;
};

const made = await bundled();
if (process.argv.includes("--check")) {
  const there = readFileSync(BUNDLE, "utf-8").replaceAll("\r\n", "\n");
  if (there !== made) {
    console.error("Expected studio.js as made from the sources, got another one. Run: npm run build");
    process.exit(1);
  }
} else writeFileSync(BUNDLE, made);
