/*
 * Close codes and the codes of `/readyz`, and whether the page comes back after each. The server
 * makes this module from model/close_codes.py and net/refusal_codes.py (http/page_modules.py).
 */

export const CODES: Record<string, Ending>;
