import { createPrivateKey, X509Certificate } from "node:crypto";
import { type Made, unfit } from "./kind.ts";

/** RFC 8446 section 4.4.2: the certificate goes over the wire, its key never does. */
export function mtls(pem: Buffer): Made {
  if (!belongTogether(pem)) {
    throw unfit("it is a certificate and its private key, unencrypted, in PEM form");
  }
  return { certificate: pem };
}

function belongTogether(pem: Buffer): boolean {
  try {
    return new X509Certificate(pem).checkPrivateKey(createPrivateKey(pem));
  } catch {
    return false;
  }
}
