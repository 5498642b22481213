"""Registration: webhooks you want to exist, once each.

The promise: at most one webhook per spec, or a report that says so. A create is never sent again blindly: where its
response was lost, lists decide. What existed before a run is adopted, and never deleted in its favour. A run can be
stopped or killed at any moment and repeated. An outcome is emitted for each spec, whatever happens.

An item is one spec of a run; `item.State` says how far it is:

| state | what happens | becomes |
|---|---|---|
| NEW | listed with the same `active`, or with another -> (de)activate | DONE existing, updated |
| NEW | the same, and one of the copies is open: no closing list has decided it yet | CREATED, as existing |
| NEW | listed, but its (de)activation is answered 404 | the next copy; none left: as missing |
| NEW | the same, but it is still there, and active | DONE failed |
| NEW | list and memory disagree -> get by id | as listed, or as missing |
| NEW | missing, an earlier create may still be carried out | IN_DOUBT |
| NEW | missing, another run is creating it -> wait | as that one ends; its webhook: CREATED, as existing |
| NEW | missing -> create, answered as asked | CREATED |
| NEW | missing -> create, answered in the other state -> (de)activate | CREATED, or DONE failed |
| NEW | missing -> create, answered in another spelling | DONE created, with an error |
| NEW | missing -> create, refused or never sent | DONE failed |
| NEW | missing -> create, answered 409 | CONFLICT |
| NEW | missing -> create, its response lost | IN_DOUBT |
| CONFLICT | a list at once, then after 1, 2 and 3 s: listed | DONE existing, updated |
| CONFLICT | none of them shows it | DONE failed |
| IN_DOUBT | a list after 1, 2 and 3 s: listed | CREATED, as recovered |
| IN_DOUBT | the same, but its (de)activation fails or has no effect | CREATED, as failed |
| IN_DOUBT | the same: missing -> create again | CREATED or IN_DOUBT |
| IN_DOUBT | after three lists | CREATED, as unknown until the closing list |
| CREATED (emitted) | closing list: alone, or the lowest id | DONE as it is, with `copies` |
| CREATED | closing list: not the lowest -> delete what was created in excess | DONE existing (emitted again) |
| CREATED | closing list: does not show it yet | again after 1, 2 and 3 s, then by its id |
| CREATED | closing list failed, or stopped before it | DONE as it is, with an error if it was in doubt |
| any | stopped: nothing sent, waiting, on the wire | DONE not_started, failed, as answered within 5 s or unknown |

Read `report` (what comes out), `snapshot` (one list, and which copy to prefer), `memory` (what this client wrote
lately), `shared_list` and `coordinator` (what registrations share), `item`, `closing`, `pending`, `workers`, `run`,
then `bulk` and `stream` (the two doors), `plan` and `apply`.
"""
