-- A function with the rights of its owner cannot ask who calls it. Its argument of this type can: the caller's side makes
-- the value and checks it, with the rights of the calling role. So nobody can pass another role's value, and a value that
-- was kept is of no use in another transaction or session.
CREATE DOMAIN moed.acting_role AS text CHECK (VALUE = moed.call_stamp(current_user));
COMMENT ON DOMAIN moed.acting_role IS 'Role that calls a function, and the transaction of the call. Leave such an argument out.';
