//! The PostgreSQL door from outside: real `psql` and `pgbench`, and a client that says what no driver would, through a
//! gateway to a real server.

mod peers;
