//! Every bound that input can meet, in one place. Units come last in a name.

/// Longest search query, in bytes.
pub const QUERY_BYTES: usize = 16 * 1024;
/// Deepest nesting of groups in a search query, and of conditions in a definition.
pub const NESTING_DEPTH: usize = 64;
/// Most wildcards (`*`, `?`) in one pattern.
pub const PATTERN_WILDCARDS: usize = 32;
/// Most terms in one search query.
pub const QUERY_TERMS: usize = 1_000;
/// Most steps in one `performed` clause (semantics: 1..=16).
pub const STEPS: usize = 16;
/// Most conditions in one definition.
pub const CONDITIONS: usize = 500;
/// Largest definition document, in bytes.
pub const DEFINITION_BYTES: usize = 256 * 1024;

/// Largest JSON request to anything but the intake, in bytes.
pub const REQUEST_BODY_BYTES: usize = 1024 * 1024;

/// Largest intake request as sent, in bytes.
pub const INTAKE_BODY_BYTES: usize = 16 * 1024 * 1024;
/// Largest intake request after decompression, in bytes.
pub const INTAKE_DECODED_BYTES: usize = 64 * 1024 * 1024;
/// Largest server-side event request, in bytes (wire contract: 5 MB uncompressed).
pub const SERVER_EVENT_BYTES: usize = 5 * 1000 * 1000;
/// Largest single event, in bytes of JSON.
pub const EVENT_BYTES: usize = 1024 * 1024;
/// Deepest nesting of one event's JSON.
pub const EVENT_DEPTH: usize = 32;
/// Most attributes of one event, after flattening.
pub const EVENT_ATTRIBUTES: usize = 2_000;
/// Longest attribute path, in bytes.
pub const PATH_BYTES: usize = 512;
/// Largest file import request, in bytes.
pub const IMPORT_BODY_BYTES: usize = 1024 * 1024 * 1024;

/// Longest name of a segment, chart or key, and longest text to search for in a list, in characters.
pub const NAME_CHARS: usize = 200;
/// Longest description, in bytes.
pub const DESCRIPTION_BYTES: usize = 16 * 1024;
/// Longest tag, in characters.
pub const TAG_CHARS: usize = 100;
/// Most tags of one definition.
pub const TAGS: usize = 50;
/// Longest secret of a key, in bytes.
pub const SECRET_BYTES: usize = 256;
/// Most origins that a key is bound to.
pub const KEY_ORIGINS: usize = 50;
/// Requests a minute of a key that says nothing else: to ask and to change.
pub const REQUESTS_PER_MINUTE: u32 = 1_200;
/// Requests a minute of a key that sends events, which all visitors of an application share.
pub const INTAKE_REQUESTS_PER_MINUTE: u32 = 600_000;
/// Shortest password, in characters.
pub const PASSWORD_MIN_CHARS: usize = 10;
/// Longest password, in bytes.
pub const PASSWORD_BYTES: usize = 1_000;
/// Passwords that are checked at the same time; each takes 19 MiB and some tens of milliseconds.
pub const PASSWORD_CHECKS: usize = 2;
/// Logins by password a minute of one address.
pub const LOGINS_PER_MINUTE: u32 = 10;
/// Entries of the audit log that are kept; older ones go.
pub const AUDIT_ENTRIES: usize = 1_000_000;
/// Most items on one page of a list.
pub const PAGE_ITEMS: usize = 10_000;

/// Most occurrences of a clause that an explanation shows.
pub const WHY_OCCURRENCES: usize = 10;
/// Most instants at which an explanation looks whether the entity leaves.
pub const WHY_INSTANTS: usize = 1_000;
/// Most points of a segment's history in one answer.
pub const HISTORY_POINTS: usize = 400;
/// Most members that a difference lists by name.
pub const DIFF_MEMBERS: usize = 100_000;
/// Most segments that are compared with each other.
pub const COMPARED_SEGMENTS: usize = 20;
/// Most segments of which every region is counted.
pub const COMPARED_REGIONS_SEGMENTS: usize = 5;
/// Most segments that are applied at once.
pub const APPLIED_SEGMENTS: usize = 1_000;

/// Most steps of a timeseries.
pub const SERIES_STEPS: usize = 10_000;
/// Most facets to group by.
pub const GROUP_FACETS: usize = 4;
/// Most rows of an analytics list.
pub const LIST_ROWS: usize = 1_000;
/// Most groups of one facet in an answer.
pub const FACET_GROUPS: usize = 10_000;
/// Most profiles of a users or accounts query in one answer.
pub const QUERIED_PROFILES: usize = 10_000;

/// Longest identifier in a list, in bytes.
pub const IDENTIFIER_BYTES: usize = 1_024;
/// Most identifiers in one list.
pub const LIST_IDENTIFIERS: u64 = 50_000_000;
/// Largest list import after decompression, in bytes.
pub const LIST_DECODED_BYTES: u64 = 8 << 30;
/// Most rejected lines and ambiguous e-mail addresses that a report shows; the rest is in the file of rejects.
pub const REPORT_ITEMS: usize = 100;
/// Most jobs that run at the same time; others wait.
pub const RUNNING_JOBS: usize = 2;
/// Most jobs that wait.
pub const WAITING_JOBS: usize = 100;

/// Most periods of a retention grid.
pub const RETENTION_PERIODS: usize = 400;

/// Questions that run at the same time; more wait for their turn.
pub const QUERIES_AT_ONCE: usize = 8;
/// Questions that wait for their turn; more are refused (429). Askers take turns.
pub const QUERIES_WAITING: usize = 200;
/// Longest run of a question, in seconds; then it is stopped (504).
pub const QUERY_SECONDS: u64 = 60;
/// Most memory of the operators of all questions together, in bytes.
pub const QUERY_MEMORY_BYTES: usize = 2 * 1024 * 1024 * 1024;
/// Requests that are answered at the same time; more are refused (503).
pub const REQUESTS_AT_ONCE: usize = 4_096;
/// Longest time that the head of a request may take to arrive, in seconds; then the connection is closed. Also the
/// longest pause between two pieces of a body; then the request is refused (408).
pub const SLOW_CLIENT_SECONDS: u64 = 20;
/// Longest head of a request, in bytes (431).
pub const HEADER_BYTES: usize = 64 * 1024;
/// Most reference tables.
pub const REFERENCE_TABLES: usize = 100;
/// Most columns of a reference table.
pub const TABLE_COLUMNS: usize = 200;
/// Most rows of a reference table.
pub const TABLE_ROWS: i64 = 10_000_000;
/// Longest name of a reference table or of one of its columns, in characters.
pub const TABLE_NAME_CHARS: usize = 56;
/// Longest cell of a reference table, in bytes.
pub const TABLE_CELL_BYTES: usize = 16 * 1024;
/// Most rows that one request writes.
pub const UPSERTED_ROWS: usize = 20_971;
/// Most rows that one request deletes.
pub const DELETED_ROWS: usize = 45_589;
/// Most parts of an upload.
pub const UPLOAD_PARTS: i64 = 20;
/// Smallest part of an upload but the last, in bytes.
pub const UPLOAD_PART_BYTES_MIN: u64 = 5_000_000;
/// Largest part of an upload, in bytes.
pub const UPLOAD_PART_BYTES: usize = 200 * 1000 * 1000;
/// How long the addresses of an upload's parts are good, in seconds.
pub const UPLOAD_SECONDS: i64 = 300;
/// Most fields of one connection.
pub const CONNECTION_FIELDS: usize = 200;
