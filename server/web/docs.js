// Shows an OpenAPI document with Swagger UI; the element that it fills names the document.

const place = /** @type {HTMLElement} */ (document.getElementById("swagger"));
const { SwaggerUIBundle } = /** @type {any} */ (globalThis);

SwaggerUIBundle({
  url: place.dataset["openapi"],
  domNode: place,
  deepLinking: true,
  validatorUrl: null, // the default is on another host
  presets: [SwaggerUIBundle.presets.apis],
});
