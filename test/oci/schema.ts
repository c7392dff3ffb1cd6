// The constraints of the OCI image-spec 1.1 JSON schemas (schema/image-manifest-schema.json,
// config-schema.json, image-index-schema.json, image-layout-schema.json) that concern what fnmesh writes.

type Check = (value: unknown, at: string) => string[];
type Fields = Record<string, { check: Check; required?: true }>;

const problem = (at: string, what: string): string[] => [`${at}: ${what}`];

const matching =
  (pattern: RegExp): Check =>
  (value, at) =>
    typeof value === 'string' && pattern.test(value)
      ? []
      : problem(at, `${JSON.stringify(value)} does not match ${pattern}`);

const exactly =
  (expected: unknown): Check =>
  (value, at) =>
    value === expected ? [] : problem(at, `${JSON.stringify(value)} is not ${JSON.stringify(expected)}`);

const size: Check = (value, at) =>
  Number.isSafeInteger(value) && (value as number) >= 0 ? [] : problem(at, 'is no size');

const listOf =
  (item: Check, least = 0): Check =>
  (value, at) =>
    !Array.isArray(value)
      ? problem(at, 'is no list')
      : value.length < least
        ? problem(at, `has fewer than ${least} items`)
        : value.flatMap((one, index) => item(one, `${at}[${index}]`));

const mapOf =
  (item: Check): Check =>
  (value, at) =>
    typeof value !== 'object' || value === null
      ? problem(at, 'is no object')
      : Object.entries(value).flatMap(([key, one]) => item(one, `${at}.${key}`));

/** Unknown fields are problems too: fnmesh writes none. */
const record =
  (fields: Fields): Check =>
  (value, at) => {
    if (typeof value !== 'object' || value === null) return problem(at, 'is no object');
    const given = value as Record<string, unknown>;
    return [
      ...Object.keys(given).flatMap((key) => (key in fields ? [] : problem(`${at}.${key}`, 'is unknown'))),
      ...Object.entries(fields).flatMap(([key, { check, required }]) => {
        if (given[key] !== undefined) return check(given[key], `${at}.${key}`);
        return required ? problem(`${at}.${key}`, 'is missing') : [];
      }),
    ];
  };

const text = matching(/^[^\0]*$/);
const digest = matching(/^sha256:[a-f0-9]{64}$/);
const time = matching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);

const descriptor = (mediaType: string): Check =>
  record({
    mediaType: { check: exactly(mediaType), required: true },
    digest: { check: digest, required: true },
    size: { check: size, required: true },
    annotations: { check: mapOf(text) },
  });

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';

const manifest = record({
  schemaVersion: { check: exactly(2), required: true },
  mediaType: { check: exactly(MANIFEST) },
  config: { check: descriptor('application/vnd.oci.image.config.v1+json'), required: true },
  layers: { check: listOf(descriptor('application/vnd.oci.image.layer.v1.tar+gzip'), 1), required: true },
});

const config = record({
  created: { check: time },
  architecture: { check: text, required: true },
  os: { check: text, required: true },
  variant: { check: text },
  config: {
    check: record({
      User: { check: text },
      Env: { check: listOf(matching(/^[^=]+=.*$/)) },
      Entrypoint: { check: listOf(text) },
      WorkingDir: { check: text },
      Labels: { check: mapOf(text) },
    }),
  },
  rootfs: {
    check: record({
      type: { check: exactly('layers'), required: true },
      diff_ids: { check: listOf(digest), required: true },
    }),
    required: true,
  },
  history: { check: listOf(record({ created: { check: time }, created_by: { check: text } })) },
});

const index = record({
  schemaVersion: { check: exactly(2), required: true },
  mediaType: { check: exactly('application/vnd.oci.image.index.v1+json') },
  manifests: { check: listOf(descriptor(MANIFEST)), required: true },
});

const layout = record({ imageLayoutVersion: { check: exactly('1.0.0'), required: true } });

/** What is wrong with an image manifest; none = nothing. */
export const manifestProblems = (value: unknown): string[] => manifest(value, 'manifest');
/** What is wrong with an image config. */
export const configProblems = (value: unknown): string[] => config(value, 'config');
/** What is wrong with an index.json. */
export const indexProblems = (value: unknown): string[] => index(value, 'index');
/** What is wrong with an oci-layout file. */
export const layoutProblems = (value: unknown): string[] => layout(value, 'oci-layout');
