// @ts-check
/* Nodes of the page. Text is set as text and never as markup: it comes from people and models. */

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {string} [className]
 * @param {string} [text]
 */
export const el = (tag, className, text) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
};

const SVG = "http://www.w3.org/2000/svg";

/**
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string | number>} attributes
 */
export const svg = (tag, attributes) => {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  return node;
};

/**
 * @template {HTMLElement} Node
 * @param {Node} node
 * @param {string} testid
 */
export const testId = (node, testid) => {
  node.dataset.testid = testid;
  return node;
};

/**
 * @param {string} className
 * @param {string} text
 * @param {string} title
 * @param {() => void} onClick
 */
export const button = (className, text, title, onClick) => {
  const node = el("button", className, text);
  node.type = "button";
  node.title = title;
  node.addEventListener("click", onClick);
  return node;
};

/** @typedef {{ value: string, label: string, disabled?: boolean }} Choice */

/**
 * @param {string} testid
 * @param {string} title
 * @param {Choice[]} options
 * @param {(value: string) => void} onChange
 */
export const choice = (testid, title, options, onChange) => {
  const node = testId(el("select", "sv-choice"), testid);
  node.title = title;
  fillChoice(node, options);
  node.addEventListener("change", () => onChange(node.value));
  return node;
};

/**
 * @param {HTMLSelectElement} node
 * @param {Choice[]} options
 */
export const fillChoice = (node, options) => {
  node.replaceChildren(
    ...options.map(({ value, label, disabled }) =>
      Object.assign(el("option", "", label), { value, disabled: Boolean(disabled) }),
    ),
  );
};

/**
 * A canvas that is drawn on in two dimensions always can be.
 * @param {HTMLCanvasElement} canvas
 */
export const pen2d = (canvas) => /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
