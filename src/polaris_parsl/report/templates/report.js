"use strict";
// Draws the figures, and shows one node alone where somebody clicks on it or chooses it.
(function () {
  const specs = JSON.parse(document.getElementById("data").textContent);
  const views = {};

  function choose(run, node) {
    const section = document.querySelector(`section[data-run="${run}"]`);
    const box = section && section.querySelector("select.node");
    if (!box || ![...box.options].some((each) => each.value === node)) return;
    box.value = node;
    section.dataset.node = node;
    for (const [id, view] of Object.entries(views)) {
      if (id.endsWith(`-${run}`) && specs[id].params) view.signal("node", node).runAsync();
    }
  }

  async function draw(id) {
    const place = document.getElementById(id);
    const compiled = vegaLite.compile(specs[id], { logger: vega.logger(vega.Error) }).spec;
    const view = new vega.View(vega.parse(compiled), { renderer: "svg", container: place, hover: true });
    views[id] = view;
    if (specs[id].params) {
      const run = id.slice(id.lastIndexOf("-") + 1);
      view.addEventListener("click", (_event, item) => {
        const chosen = document.querySelector(`section[data-run="${run}"]`).dataset.node || "";
        const node = item && item.datum && item.datum.node;
        if (node !== undefined) choose(run, chosen === node ? "" : node);
      });
    }
    await view.runAsync();
    place.dataset.drawn = "yes";
  }

  for (const box of document.querySelectorAll("select.node")) {
    const run = box.closest("section").dataset.run;
    box.addEventListener("change", () => choose(run, box.value));
  }
  Promise.all(Object.keys(specs).map(draw)).then(
    () => { document.documentElement.dataset.drawn = "all"; },
    (error) => { document.documentElement.dataset.drawn = `failed: ${error}`; throw error; },
  );
})();
