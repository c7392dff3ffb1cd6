// The image that `deploy --image` names, as it is sent. Pure.
import { formatReference, parseReference } from '../oci/reference.js';

/** An image as a server takes it; `imageTag`: the tag that stood beside its digest; `warning`: what may become of it. */
export type GivenImage = { image: string; imageTag?: string; warning?: string };

/**
 * Reads the name of an image that exists. Of a tag and a digest the digest counts, and the tag is only noted: Fn's own
 * tools refuse a name with both (fnproject/cli 0.6.63, common/common.go).
 * @throws FnmeshError `usage` for what is no image's name.
 */
export function givenImage(text: string): GivenImage {
  const { tag, ...reference } = parseReference(text);
  if (reference.digest === undefined) {
    const warning = `${text} may name another image tomorrow, and a server that has one of that name does not look again; name@sha256:… does not change`;
    return { image: text, warning };
  }
  return { image: formatReference(reference), ...(tag !== undefined && { imageTag: tag }) };
}
