// What an image is made of: bytes that are named by their digest.
import { createHash } from 'node:crypto';

/** Bytes of an image, as a registry keeps them. */
export type Blob = {
  readonly mediaType: string;
  /** `sha256:` and 64 hex digits, over `bytes`. */
  readonly digest: string;
  /** In bytes. */
  readonly size: number;
  readonly bytes: Buffer;
};

/** An image for one platform. */
export type OciImage = {
  readonly manifest: Blob;
  readonly config: Blob;
  /** Gzipped tar archives, the lowest first. */
  readonly layers: readonly Blob[];
  /** The manifest's digest, which names the image. */
  readonly digest: string;
};

/** How a blob is named where its bytes are not at hand (OCI image-spec 1.1, descriptor.md). */
export type Descriptor = { mediaType: string; digest: string; size: number };

/** Bytes with their name. */
export function blobOf(mediaType: string, bytes: Buffer): Blob {
  return { mediaType, digest: digestOf(bytes), size: bytes.length, bytes };
}

/** `sha256:` and the hex digest of the bytes. */
export function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** A blob's descriptor. */
export function descriptorOf({ mediaType, digest, size }: Blob): Descriptor {
  return { mediaType, digest, size };
}
