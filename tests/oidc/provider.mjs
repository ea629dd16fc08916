// The OpenID provider of the tests: oidc-provider (certified), its store in memory, its keys made at the start.
// It listens on a free port of 127.0.0.1 and prints its address as one line. `POST /control` changes how it behaves.

import { createServer } from "node:http";
import { Provider } from "oidc-provider";
import { SignJWT, exportJWK, generateKeyPair } from "jose";

const AUDIENCE = "urn:onemap:test";
const options = JSON.parse(process.argv[2] ?? "{}");
const accounts = options.accounts ?? {};
const state = { keys: [], behaviour: "answer", waitMs: 0, requests: {} };
let provider;
let number = 0;

const server = createServer((request, response) => {
  if (request.url === "/control") return control(request, response);
  const path = request.url.split("?")[0];
  state.requests[path] = (state.requests[path] ?? 0) + 1;
  if (state.behaviour === "dead") return request.socket.destroy();
  if (state.behaviour === "broken") return response.writeHead(500).end("broken");
  if (state.behaviour === "slow") return setTimeout(() => provider.callback()(request, response), state.waitMs);
  return provider.callback()(request, response);
});
server.listen(0, "127.0.0.1", async () => {
  await addKey("RS256");
  provider = makeProvider();
  console.log(address());
});
process.stdin.resume().on("end", () => process.exit(0)); // ends with the process that started it

const address = () => `http://127.0.0.1:${server.address().port}`;

async function addKey(alg) {
  const pair = await generateKeyPair(alg, { extractable: true });
  const kid = `key-${(number += 1)}`;
  state.keys.unshift({ ...pair, alg, kid, jwk: { ...(await exportJWK(pair.privateKey)), alg, kid, use: "sig" } });
}

function makeProvider() {
  const made = new Provider(address(), {
    jwks: { keys: state.keys.map((key) => key.jwk) },
    clients: options.clients ?? [],
    claims: { openid: ["sub"], profile: ["name", "onemap"] },
    conformIdTokenClaims: false,
    cookies: { keys: ["only in tests"] },
    ttl: { AccessToken: options.access_token_s ?? 300, IdToken: 300, RefreshToken: 3600, Grant: 3600, Session: 3600, Interaction: 600 },
    rotateRefreshToken: true,
    issueRefreshToken: async (_, client) => client.grantTypeAllowed("refresh_token"),
    findAccount: (_, id) => (id in accounts && !accounts[id].gone ? account(id) : undefined),
    loadExistingGrant: grantAll,
    extraTokenClaims: async (_, token) => ({ ...accounts[token.accountId ?? token.clientId], client: token.clientId }),
    features: {
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: (ctx) => (ctx.oidc.params.grant_type === "client_credentials" ? AUDIENCE : undefined),
        getResourceServerInfo: () => ({ scope: "openid profile offline_access", audience: AUDIENCE, accessTokenFormat: "jwt", jwt: { sign: { alg: state.keys[0].alg } } }),
      },
      rpInitiatedLogout: { enabled: true },
    },
  });
  made.on("server_error", (_, error) => console.error(error));
  return made;
}

const account = (id) => ({ accountId: id, claims: () => ({ sub: id, ...accounts[id] }) });

async function grantAll(ctx) {
  const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
  grant.addOIDCScope("openid profile offline_access");
  grant.addResourceScope(AUDIENCE, "openid profile offline_access");
  await grant.save();
  return grant;
}

async function control(request, response) {
  let text = "";
  for await (const part of request) text += part;
  const asked = JSON.parse(text);
  const answer = (await commands[asked.do](asked)) ?? {};
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer));
}

const commands = {
  /** A new key signs from now on; the old ones stay published only if asked. */
  rotate: async ({ keep = false, alg = "RS256" }) => {
    if (!keep) state.keys = [];
    await addKey(alg);
    provider = makeProvider();
  },
  behave: ({ behaviour, wait_ms = 0 }) => Object.assign(state, { behaviour, waitMs: wait_ms }) && undefined,
  requests: () => state.requests,
  account: ({ id, claims }) => (accounts[id] = claims) && undefined,
  /** Any claims under any header, signed by the provider's own newest key. */
  sign: async ({ claims, header = {} }) => {
    const { privateKey, alg, kid } = state.keys[0];
    const crit = Object.fromEntries((header.crit ?? []).map((name) => [name, true]));
    return { token: await new SignJWT(claims).setProtectedHeader({ alg, kid, ...header }).sign(privateKey, { crit }) };
  },
  jwks: () => ({ keys: state.keys.map(({ jwk: { d, p, q, dp, dq, qi, ...shown } }) => shown) }),
};
