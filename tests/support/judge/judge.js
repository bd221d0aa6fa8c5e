// Reads {bundle, keys, trust, identity} from stdin, and says whether sigstore's own verifier accepts the bundle.
//   keys: the hint of a key => its public key, in base64 of DER. trust: a trusted root, for a bundle with a certificate.
const { bundleFromJSON } = require("@sigstore/bundle");
const { TrustedRoot } = require("@sigstore/protobuf-specs");
const { Verifier, toSignedEntity, toTrustMaterial } = require("@sigstore/verify");

const asked = JSON.parse(require("fs").readFileSync(0, "utf8"));
const none = { tlogs: [], ctlogs: [], certificateAuthorities: [], timestampAuthorities: [] };
const root = TrustedRoot.fromJSON(asked.trust || none);
const keys = Object.fromEntries(
  Object.entries(asked.keys || {}).map(([hint, key]) => [hint, { rawBytes: Buffer.from(key, "base64") }]),
);
// A signature of a key has no entry in a log; one of a workflow must have all that is public.
const least = asked.identity ? 1 : 0;
const thresholds = { ctlogThreshold: least, tlogThreshold: least, timestampThreshold: least };
const policy = asked.identity && {
  subjectAlternativeName: asked.identity,
  extensions: { issuer: "https://token.actions.githubusercontent.com" },
};
try {
  const entity = toSignedEntity(bundleFromJSON(asked.bundle));
  new Verifier(toTrustMaterial(root, keys), thresholds).verify(entity, policy);
  console.log("accepted");
} catch (error) {
  console.log(`refused: ${error.code || error.message}`);
}
