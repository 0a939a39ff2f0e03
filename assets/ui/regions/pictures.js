/* The regions of a viewer's pictures: of which picture, shared with whom, undone how. */
(() => {
  const sayo = (window.sayo ??= {});

  sayo.editorHooks = (viewer) => ({
    changed: (committed) => viewer.edited(committed),
    spot: (x, y) => viewer.look(x, y),
    pan: (dx, dy) => viewer.zoom.pan(dx, dy),
    pushed(before, after) {
      const { picture } = viewer;
      viewer.history.push({ before, after, apply: (regions, on) => applied(on, picture, regions) });
    },
  });

  const applied = (viewer, picture, regions) => {
    if (picture === viewer.picture) viewer.editor.replace(regions);
    else {
      viewer.others[viewer.picture] = viewer.editor.regions;
      viewer.others[picture] = regions;
      viewer.showPicture(picture);
    }
    viewer.edited(true);
  };

  /* Which regions a new answer begins with, and whether the history goes on. */
  sayo.beginRegions = (viewer, before, samePicture) => {
    const { value, options, history } = viewer;
    const shared = sayo.groups[options.group];
    let regions = value.regions || [];
    let goesOn = false;
    if (options.group && shared?.id === value.id && options.editable) regions = shared.regions;
    // Regions drawn before the question was asked stay; those of an earlier answer go with it.
    else if (!regions.length && samePicture && !before.tokens?.length) [regions, goesOn] = [viewer.allRegions(), true];
    if (value.id && history.id !== value.id) {
      if (goesOn) history.id = value.id;
      else history.begin(value.id);
    }
    sayo.takeRegions(viewer, regions);
  };

  /* regions: of all pictures, each with its picture's number where that is not 0. */
  sayo.takeRegions = (viewer, regions) => {
    viewer.others = {};
    for (const { picture = 0, ...region } of regions) (viewer.others[picture] ??= []).push(region);
    viewer.editor.size = viewer.size;
    viewer.editor.reset(viewer.others[viewer.picture] || []);
  };

  /* The peaks of the map that is shown, as suggestions; the server finds them. */
  sayo.propose = (viewer) => {
    const { value, view, selection, picture, rows, options } = viewer;
    if (!rows || !options.editable) return false;
    // Numbered, since a reply that equals the one before would not be noticed.
    viewer.proposalsAsked = (viewer.proposalsAsked || 0) + 1;
    viewer.trigger("propose", { id: value.id, revision: viewer.proposalsAsked, view, selection, picture, regions: [] });
    return true;
  };

  sayo.showProposals = (viewer, reply) => {
    if (!reply || reply.id !== viewer.value.id || reply.revision !== viewer.proposalsAsked || reply.picture !== viewer.picture) return;
    viewer.editor.suggestions = reply.regions;
    viewer.editor.draw();
    sayo.fillRegions(viewer);
  };

  /* Remember the regions of the picture that is left, for `copyLast`. */
  sayo.keepLast = (viewer, value) => {
    const { editor } = viewer;
    const left = value.pictures?.[viewer.picture];
    if (left && editor.regions.length && viewer.options.editable) sayo.lastRegions = { picture: left.id, size: { width: left.width, height: left.height }, regions: editor.regions };
  };

  /* The regions of the picture before, fitted to the size of this one; steps are those of another answer. */
  sayo.copyLast = (viewer) => {
    const { editor } = viewer;
    if (!sayo.lastRegions || !editor.size.width || !viewer.options.editable) return false;
    const copies = sayo.lastRegions.regions.map((region) => sayo.shapes.carried(region, sayo.lastRegions.size, editor.size));
    const kept = copies.filter(Boolean).map((region) => ({ ...region, step: null }));
    if (kept.length) editor.add(...kept);
    return true;
  };
})();
