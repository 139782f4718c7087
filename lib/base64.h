#ifndef OC_BASE64_H
#define OC_BASE64_H

/*
 * The value of a digit of base64, or -1.  The alphabet of URLs, with - and _,
 * is understood as well as the one with + and /.
 */
int base64_digit(char c);

#endif
