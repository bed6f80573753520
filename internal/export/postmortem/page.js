"use strict";
// The sliders look points up in a grid that was simulated when this file was
// written. Nothing is computed here, and nothing is asked of a network.
(function () {
  var data = document.getElementById("grid");
  var box = document.getElementById("whatif");
  if (data && box) {
    var grid = JSON.parse(data.textContent);
    var byId = function (id) { return document.getElementById(id); };
    var sliders = grid.axes.map(function (a) { return byId("axis-" + a.id); });
    var show = function (say) {
      var at = sliders.map(function (s) { return Number(s.value); });
      grid.axes.forEach(function (a, i) {
        var word = a.words[at[i]];
        byId("value-" + a.id).textContent = word;
        sliders[i].setAttribute("aria-valuetext", word);
      });
      var point = grid.points.find(function (p) {
        return p.at.every(function (v, i) { return v === at[i]; });
      });
      if (!point) return;
      grid.measures.forEach(function (m, i) { byId("figure-" + m).textContent = point.figures[i]; });
      grid.targets.forEach(function (t, i) {
        byId("file-" + t).href = "data:text/plain;charset=utf-8," + encodeURIComponent(point.files[i]);
      });
      byId("command").textContent = point.command;
      if (say) byId("said").textContent = point.figures[0] + " checkouts not served, " + point.figures[1] + " s of outage";
    };
    sliders.forEach(function (s) { s.addEventListener("input", function () { show(true); }); });
    box.querySelector(".sliders").hidden = false;
    show(false);
  }
  // What is folded has to be on paper, and is folded again afterwards.
  var folded = [];
  window.addEventListener("beforeprint", function () {
    folded = Array.from(document.querySelectorAll("details:not([open])"));
    folded.forEach(function (d) { d.open = true; });
  });
  window.addEventListener("afterprint", function () {
    folded.forEach(function (d) { d.open = false; });
  });
  // A link to something that is folded unfolds it.
  var unfold = function () {
    var id = decodeURIComponent(location.hash.slice(1));
    for (var e = id && document.getElementById(id); e; e = e.parentElement) {
      if (e.tagName === "DETAILS") e.open = true;
    }
  };
  window.addEventListener("hashchange", unfold);
  unfold();
})();
