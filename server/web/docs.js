// Shows an OpenAPI document with Swagger UI; which one is said by the element that it fills.

const place = /** @type {HTMLElement} */ (document.getElementById("swagger"));
const { SwaggerUIBundle } = /** @type {any} */ (globalThis);

SwaggerUIBundle({
  url: place.dataset["openapi"],
  domNode: place,
  deepLinking: true,
  validatorUrl: null, // its default asks another host
  presets: [SwaggerUIBundle.presets.apis],
});
