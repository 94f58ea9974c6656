/** Passkeys of the browser (Web Authentication), as JSON goes to and comes from the box. */

/** Whether this browser can: it knows passkeys, and came by a name. An address has none. */
export const can = (): boolean =>
  typeof PublicKeyCredential === 'function' &&
  'parseRequestOptionsFromJSON' in PublicKeyCredential &&
  !/^[\d.]+$|^\[/.test(location.hostname);

/** Makes a passkey. Its owner is asked by the browser; who says no ends it with a DOMException. */
export async function make(options: unknown): Promise<unknown> {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options as PublicKeyCredentialCreationOptionsJSON);
  return json(await navigator.credentials.create({ publicKey }));
}

/** Shows one that this site has. */
export async function show(options: unknown): Promise<unknown> {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options as PublicKeyCredentialRequestOptionsJSON);
  return json(await navigator.credentials.get({ publicKey }));
}

function json(c: Credential | null): unknown {
  if (!(c instanceof PublicKeyCredential)) throw new Error('no passkey');
  return c.toJSON();
}

/** Somebody closed the browser's question, or took too long. */
export const refused = (e: unknown): boolean => e instanceof DOMException;
