/* A strip or grid of picture cards. value: {items: [{id, src, title, lines, badge, active}], empty}. */
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
        const card = el("button", item.active ? "sc-card is-active" : "sc-card");
        card.type = "button";
        card.dataset.testid = `card-${item.id}`;
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
    };
    watch("value", render);
    render();
  };
})();
