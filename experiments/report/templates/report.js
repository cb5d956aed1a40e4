"use strict";
// Shows one of the two languages: ?lang=zh or ?lang=en, else the browser's. Nothing is remembered.
(function () {
  const root = document.documentElement;
  const buttons = document.querySelectorAll("button[data-language]");
  function show(language) {
    root.lang = language;
    document.title = root.getAttribute("data-title-" + language);
    buttons.forEach(function (button) {
      button.setAttribute("aria-pressed", String(button.dataset.language === language));
    });
  }
  buttons.forEach(function (button) {
    button.addEventListener("click", function () { show(button.dataset.language); });
  });
  const asked = new URLSearchParams(location.search).get("lang") || navigator.language || "en";
  show(asked.toLowerCase().startsWith("zh") ? "zh" : "en");
  // Paper has no details to open.
  addEventListener("beforeprint", function () {
    document.querySelectorAll("details").forEach(function (details) { details.open = true; });
  });
})();
