// What happens to a request for a function: host, path, rules and the split between its versions. Pure data.

/** `v1`, `v2`, `v3-beta`: `v`, digits, then an optional `-suffix` of lower-case letters, digits and dashes. */
export type VersionName = string;
/** A function's name inside its app. */
export type FunctionName = string;
/** An Fn app's name. */
export type AppName = string;
/** An integer from 0 to 10 000; 10 000 = 100 %. */
export type BasisPoints = number;
/** 100 % in basis points. */
export const WHOLE: BasisPoints = 10_000;

/** Every version of a function with its weight; sums to 10 000. A version at 0 stays listed. */
export type Split = Readonly<Record<VersionName, BasisPoints>>;

/** One header or cookie condition that sends a request to a version; the first that matches wins. */
export type Rule = {
  readonly when:
    | { readonly header: string; readonly equals: string }
    | { readonly cookie: string; readonly equals: string };
  readonly version: VersionName;
};

/** Where a version's requests go: the Fn fn and the source of its first http trigger. */
export type Destination = {
  readonly fn: string;
  readonly source: string;
  /**
   * The whole URL of that trigger on another Fn server, as the router reaches it:
   * `http://fn.example.com:8080/t/shop/cart/v2`. Absent: the fn is the embedded server's own.
   */
  readonly endpoint?: string;
};

/** A function's route. `destinations` has exactly the split's versions as keys. */
export type Route = {
  readonly app: AppName;
  readonly function: FunctionName;
  /** The host it answers on, such as `hello-app.localhost`. */
  readonly host: string;
  /** The exact path it answers on, such as `/` or `/cart`. */
  readonly path: string;
  readonly rules: readonly Rule[];
  readonly split: Split;
  readonly destinations: Readonly<Record<VersionName, Destination>>;
};
