// @ts-check
/* Calls functions of the page's modules for a test in Python: a line of JSON [name, arguments] in, the result out. */

import { createInterface } from "node:readline";

const found = await Promise.all(process.argv.slice(2).map((path) => import(`../../assets/ui/${path}`)));
const functions = Object.assign({}, ...found);
/** Bytes as an array and not as an object. */
const plain = (/** @type {string} */ _, /** @type {unknown} */ value) =>
  value instanceof Uint8Array ? [...value] : value;

for await (const line of createInterface({ input: process.stdin })) {
  const [name, given] = JSON.parse(line);
  process.stdout.write(`${JSON.stringify(functions[name](...given), plain)}\n`);
}
