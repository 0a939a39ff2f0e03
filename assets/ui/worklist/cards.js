/* A strip or grid of picture cards. value: {items: [{id, src, title, lines, badge}], empty}; active: the id of the
 * card that is open, 0 for none. While one is, a grid is a strip, so that what is open lies close below.
 */
(() => {
  const sayo = (window.sayo ??= {});
  const el = sayo.el;

  sayo.cards = ({ element, props, trigger, watch }) => {
    const root = element.querySelector(".sc");
    const render = () => {
      const { items = [], empty = "" } = props.value || {};
      root.replaceChildren();
      if (!items.length && empty) root.append(el("p", "sc-empty", empty));
      for (const item of items) {
        const card = el("button", "sc-card");
        card.type = "button";
        card.dataset.testid = `card-${item.id}`;
        card.dataset.id = item.id;
        const picture = el("img", "sc-picture");
        picture.src = item.src;
        picture.alt = "";
        picture.loading = "lazy";
        card.append(picture);
        const text = el("span", "sc-text");
        if (item.badge) text.append(el("span", `sc-badge sc-badge-${item.badge.kind}`, item.badge.text));
        if (item.title) text.append(el("span", "sc-title", item.title));
        for (const line of item.lines || []) text.append(el("span", "sc-line", line));
        if (text.childNodes.length) card.append(text);
        card.addEventListener("click", () => trigger("pick", { id: item.id }));
        root.append(card);
      }
      mark();
    };
    const mark = () => {
      root.classList.toggle("sc-lane", Boolean(props.active));
      for (const card of root.querySelectorAll(".sc-card")) {
        const active = card.dataset.id === String(props.active);
        card.classList.toggle("is-active", active);
        if (active) root.scrollLeft = card.offsetLeft - root.offsetLeft - (root.clientWidth - card.offsetWidth) / 2;
      }
    };
    watch("value", render);
    watch("active", mark);
    render();
  };
})();
