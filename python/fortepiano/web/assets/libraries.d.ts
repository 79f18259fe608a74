/*
 * Addresses of libraries by what they are for; empty where the server lacks one. The server makes
 * this module from the folders in web/libraries (http/page_modules.py).
 */

export const LIBRARIES: { readonly midi: string; readonly qr: string };
