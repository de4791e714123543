#ifndef MOED_SQL_H
#define MOED_SQL_H

/* The text of `sql/NAME.sql`, as it was when the program was built; null when there is no such file. */
const char *_Nullable moed_sql_find(const char *_Nonnull name);

#endif
