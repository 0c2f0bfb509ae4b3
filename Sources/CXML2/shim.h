/* Debian's libxml2 is built with ICU and then includes ICU's headers, which clash with the ones inside Swift's Foundation.
   Only the last members of xmlCharEncodingHandler depend on it, which is always used by pointer. */
#include <libxml/xmlversion.h>
#undef LIBXML_ICU_ENABLED
#include <libxml/parser.h>
#include <libxml/parserInternals.h>
