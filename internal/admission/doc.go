// Package admission generates the wall: the namespaces, accounts, RBAC and
// ValidatingAdmissionPolicies that hold every part of Countersign to what it is
// for, whatever its code does. The gate may create exactly one shape of Job;
// each executor account may change exactly its fields of the one object whose
// UID its pod's name carries; nobody else may run anything in the executor
// namespace.
//
// The policies come from the action catalogue and from the executor Job as the
// API server completes it. The package also installs the manifests with an
// administrator's rights and proves that the policies bind; it is never part of
// what the roles do at run time, and it knows nothing about Orders or people.
package admission
