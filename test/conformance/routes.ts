// What every router makes of a request: one table for the embedded gateway, for the rendered route objects, and for Envoy.
import type { Route, Split } from '../../src/routing/route.js';

/** The host of all routes of the table. */
export const HOST = 'shop.localhost';

/** Who answers a request: `cart/v2`, or a status that the router gives by itself; several with their shares. */
export type Expected = string | 404 | Record<string, number>;

/** A request and who answers it. `target` as it stands in the request line. */
export type Row = { target: string; headers?: Record<string, string>; to: Expected };

/** Routes that exist together, and requests to them. */
export type Scenario = { name: string; routes: Route[]; rows: Row[] };

/** A function of `shop`; `server`: where its versions are. */
function route(name: string, split: Split, rules: Route['rules'] = []): Route {
  const base = name === 'shop' ? '' : `/${name}`;
  const destinations = Object.keys(split).map((version) => {
    const source = `${base}/${version}`;
    return [
      version,
      { fn: `${name}-${version}`, source, endpoint: `http://fn-lb.fn.svc.cluster.local/t/shop${source}` },
    ];
  });
  return {
    app: 'shop',
    function: name,
    host: HOST,
    path: name === 'shop' ? '/' : `/${name}`,
    rules,
    split,
    destinations: Object.fromEntries(destinations) as Route['destinations'],
  };
}

const CART = { 'cart/v1': 0.7, 'cart/v2': 0.3 };
const pin = (version: string) => ({ 'Fnmesh-Version': version });
const cookie = (text: string) => ({ Cookie: text });

const paths: Scenario = {
  name: 'paths are exact',
  routes: [
    route('shop', { v1: 10_000 }),
    route('cart', { v1: 7000, v2: 3000 }),
    route('car', { v1: 10_000 }),
  ],
  rows: [
    { target: '/', to: 'shop/v1' },
    { target: '/?', to: 'shop/v1' },
    { target: '/?next=/cart', to: 'shop/v1' },
    { target: '/cart', to: CART },
    { target: '/cart?id=1&to=/', to: CART },
    { target: '/car', to: 'car/v1' },
    { target: '/cart/', to: 404 },
    { target: '/cartx', to: 404 },
    { target: '/Cart', to: 404 },
    { target: '/cart/v1', to: 404 },
    { target: '//cart', to: 404 },
    { target: '//', to: 404 },
    { target: '/cart//', to: 404 },
    { target: '/%2F', to: 404 },
    { target: '/%2Fcart', to: 404 },
    { target: '/cart%2F', to: 404 },
    { target: '/cart%3Fid=1', to: 404 },
    { target: '/other', to: 404 },
  ],
};

const pins: Scenario = {
  name: 'a request can ask for a version',
  routes: [route('shop', { v1: 10_000 }), route('cart', { v1: 10_000, v2: 0, 'v2-rc1': 0 })],
  rows: [
    { target: '/cart', headers: pin('v2'), to: 'cart/v2' },
    { target: '/cart?id=1', headers: pin('v2-rc1'), to: 'cart/v2-rc1' },
    { target: '/cart', headers: { 'FNMESH-VERSION': 'v2' }, to: 'cart/v2' },
    { target: '/cart', headers: pin('v1'), to: 'cart/v1' },
    { target: '/cart', headers: pin('v9'), to: 'cart/v1' },
    { target: '/cart', headers: pin('V2'), to: 'cart/v1' },
    { target: '/cart', headers: pin('v2, v2'), to: 'cart/v1' },
    { target: '/cart', headers: pin('cart/v2'), to: 'cart/v1' },
    { target: '/', headers: pin('v2'), to: 'shop/v1' },
    { target: '/cart/', headers: pin('v2'), to: 404 },
  ],
};

const rules: Scenario = {
  name: 'rules: the first that matches wins, after pins',
  routes: [
    route('shop', { v1: 10_000 }),
    route('cart', { v1: 10_000, v2: 0, v3: 0 }, [
      { when: { header: 'X-Beta', equals: 'yes' }, version: 'v2' },
      { when: { cookie: 'fn', equals: 'v3' }, version: 'v3' },
      { when: { header: 'X-Beta', equals: 'yes' }, version: 'v3' },
      { when: { header: 'X-Gone', equals: 'yes' }, version: 'v9' },
      { when: { header: 'X-Gone', equals: 'yes' }, version: 'v2' },
      { when: { cookie: 'a.b*', equals: '(x|y)+[z]' }, version: 'v2' },
      { when: { cookie: 'empty', equals: '' }, version: 'v2' },
    ]),
  ],
  rows: [
    { target: '/cart', to: 'cart/v1' },
    { target: '/cart', headers: { 'x-beta': 'yes' }, to: 'cart/v2' },
    { target: '/cart', headers: { 'X-BETA': 'yes' }, to: 'cart/v2' },
    { target: '/cart', headers: { 'X-Beta': 'Yes' }, to: 'cart/v1' },
    { target: '/cart', headers: { 'X-Beta': 'yes, no' }, to: 'cart/v1' },
    { target: '/cart', headers: { 'X-Beta': 'yes', ...cookie('fn=v3') }, to: 'cart/v2' },
    { target: '/cart', headers: { 'X-Beta': 'yes', ...pin('v1') }, to: 'cart/v1' },
    { target: '/cart', headers: { 'X-Gone': 'yes' }, to: 'cart/v2' },
    { target: '/', headers: { 'X-Beta': 'yes' }, to: 'shop/v1' },
    { target: '/cart', headers: cookie('fn=v3'), to: 'cart/v3' },
    { target: '/cart', headers: cookie('a=b; fn=v3; c=d'), to: 'cart/v3' },
    { target: '/cart', headers: cookie('a=b;fn=v3;c=d'), to: 'cart/v3' },
    { target: '/cart', headers: cookie('a=b; fn = v3 ; c=d'), to: 'cart/v3' },
    { target: '/cart', headers: cookie('fn="v3"'), to: 'cart/v3' },
    { target: '/cart', headers: cookie('f; fnn=1; =; fn; fn=v3'), to: 'cart/v3' },
    { target: '/cart', headers: cookie('fn=v33'), to: 'cart/v1' },
    { target: '/cart', headers: cookie('fn=v3 x'), to: 'cart/v1' },
    { target: '/cart', headers: cookie('xfn=v3'), to: 'cart/v1' },
    { target: '/cart', headers: cookie('x fn=v3'), to: 'cart/v1' },
    { target: '/cart', headers: cookie('FN=v3'), to: 'cart/v1' },
    { target: '/cart', headers: cookie('x=fn=v3'), to: 'cart/v1' },
    { target: '/cart', headers: cookie('fn=v1; fn=v3'), to: 'cart/v1' },
    { target: '/cart', headers: cookie('fn=v3; fn=v1'), to: 'cart/v3' },
    { target: '/cart', headers: cookie('a.b*=(x|y)+[z]'), to: 'cart/v2' },
    { target: '/cart', headers: cookie('aXbb=(x|y)+[z]'), to: 'cart/v1' },
    { target: '/cart', headers: cookie('a.b*=xz'), to: 'cart/v1' },
    { target: '/cart', headers: cookie('empty='), to: 'cart/v2' },
    { target: '/cart', headers: cookie('empty=""; a=b'), to: 'cart/v2' },
    { target: '/cart', headers: cookie('empty'), to: 'cart/v1' },
    { target: '/cart', headers: cookie('empty=1'), to: 'cart/v1' },
  ],
};

const SPLITS: Split[] = [
  { v1: 10_000 },
  { v1: 0, v2: 10_000 },
  { v1: 10_000, v2: 0 },
  { v1: 5000, v2: 5000 },
  { v1: 9950, v2: 50 },
  { v1: 9999, v2: 1 },
  { v1: 3334, v2: 3333, v3: 3333 },
  { v1: 2500, v2: 2500, v3: 2500, v4: 2500 },
];

const weights: Scenario[] = SPLITS.map((split) => {
  const shares = Object.entries(split).map(
    ([version, points]) => [`cart/${version}`, points / 10_000] as const,
  );
  return {
    name: `the shares of ${JSON.stringify(split)}`,
    routes: [route('cart', split)],
    rows: [{ target: '/cart', to: Object.fromEntries(shares.filter(([, share]) => share > 0)) }],
  };
});

/** The table. */
export const SCENARIOS: readonly Scenario[] = [paths, pins, rules, ...weights];

/** What is expected as shares: `{ 'cart/v1': 1 }`, `{ 404: 1 }`. */
export function sharesOf(to: Expected): Record<string, number> {
  return typeof to === 'object' ? to : { [String(to)]: 1 };
}

/** How a row is named in reports. */
export function rowName({ target, headers = {} }: Row): string {
  const sent = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return [target, ...sent].join(' | ');
}
