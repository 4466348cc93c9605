import { promisify } from "node:util";
import { brotliDecompress, gunzip, inflate } from "node:zlib";

/**
 * The body without its content encoding (RFC 9110 section 8.4), which some services use although
 * none was asked for; null when it is encoded in another way, more than once, damaged, or longer
 * than `bytesMax` once it is decoded.
 */
export async function decodeBody(
  body: Buffer,
  encoding: string,
  bytesMax: number,
): Promise<Buffer | null> {
  const name = encoding.trim().toLowerCase();
  if (name === "" || name === "identity" || body.length === 0) return body;
  const decode = decoders.get(name);
  if (decode === undefined) return null;
  try {
    return await decode(body, { maxOutputLength: bytesMax });
  } catch {
    return null;
  }
}

const decoders = new Map([
  ["gzip", promisify<Buffer, { maxOutputLength: number }, Buffer>(gunzip)],
  ["x-gzip", promisify<Buffer, { maxOutputLength: number }, Buffer>(gunzip)],
  ["deflate", promisify<Buffer, { maxOutputLength: number }, Buffer>(inflate)],
  ["br", promisify<Buffer, { maxOutputLength: number }, Buffer>(brotliDecompress)],
]);
