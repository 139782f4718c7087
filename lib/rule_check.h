#ifndef OC_RULE_CHECK_H
#define OC_RULE_CHECK_H

/*
 * The part of rule_compile that reads the text before libjq does.
 */
enum {
	RULE_TEXT_MAX = 8192,  /* bytes; longer than any rule is */
	RULE_NESTING_MAX = 64, /* brackets in brackets; bounds libjq's parser */
};

/*
 * NULL when nothing in the text reaches outside of the rule or would crash
 * libjq 1.6; else what does, with its line, for the caller to free.
 */
char *rule_check(const char *text);

#endif
