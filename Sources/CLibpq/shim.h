#pragma once
#include <postgresql/libpq-fe.h>

// Character constants, which Swift does not import as the integers that PQresultErrorField takes.
static const int tripline_diag_sqlstate = PG_DIAG_SQLSTATE;
static const int tripline_diag_message = PG_DIAG_MESSAGE_PRIMARY;
static const int tripline_diag_position = PG_DIAG_STATEMENT_POSITION;

// libpq prints notices to standard error unless told otherwise.
static inline void tripline_drop_notice(void *unused, const PGresult *notice) {}
static inline void tripline_drop_notices(PGconn *connection) { PQsetNoticeReceiver(connection, tripline_drop_notice, 0); }
