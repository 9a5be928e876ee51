package loglines

import (
	"path"
	"regexp"
	"strings"
)

// errno are the operating system's words for EACCES, EPERM, EROFS and ENOSPC.
const errno = `((?i:permission denied|operation not permitted|read-only file system|no space left on device))`

// fileErrors are the ways in which languages and tools say that an operation on
// a file failed: each has the path and the errno, in either order.
var fileErrors = []struct {
	pattern     *regexp.Regexp
	path, errno int // the groups
}{
	// Go: open /data/x: permission denied
	{regexp.MustCompile(`\b(?:open|openat|creat|create|mkdir|mkdirall|mkdirat|mkdtemp|rmdir|read|write|stat|lstat|unlink|unlinkat|remove|chmod|chown|lchown|truncate|scandir|readdir|chdir|fork/exec|chtimes|fsync|fdatasync) ` + filePattern + `: ` + errno), 1, 2},
	{regexp.MustCompile(`\b(?:rename|link|symlink) \S+ ` + filePattern + `: ` + errno), 1, 2},
	{regexp.MustCompile(`\bdial unix ` + filePattern + `: connect: ` + errno), 1, 2},
	// Node: EACCES: permission denied, open '/data/x'
	{regexp.MustCompile(`\bE(?:ACCES|PERM|ROFS|NOSPC): ` + errno + `, [a-z]+ '` + filePattern + `'`), 2, 1},
	// Python: [Errno 13] Permission denied: '/data/x'
	{regexp.MustCompile(`\[Errno (?:1|13|28|30)\] ` + errno + `: b?'` + filePattern + `'`), 2, 1},
	// shells and tools: sh: can't create /data/x: Permission denied
	{regexp.MustCompile(`(?:^|[\s/])(?:sh|ash|bash|dash|zsh|ksh|touch|mkdir|rmdir|cat|cp|mv|rm|ln|tee|dd|ls|tar|sed|install|chown|chmod|find|gzip|unzip|mktemp|initdb|gosu): (?:(?:line )?\d+: )?[^/:]{0,60}?['‘"]?` + filePattern + `['’"]?: ` + errno + `$`), 1, 2},
	{regexp.MustCompile(`^/\S+: (?:line )?\d+: [^/:]{0,60}?['‘"]?` + filePattern + `['’"]?: ` + errno + `$`), 1, 2},
	// nginx: open() "/run/nginx.pid" failed (30: Read-only file system)
	{regexp.MustCompile(`\b[a-z]+\(\)? ?"` + filePattern + `"(?:, \d+\))? failed \(\d+: ` + errno + `\)`), 1, 2},
	// Java
	{regexp.MustCompile(`\bFileNotFoundException: ` + filePattern + ` \(` + errno + `\)`), 1, 2},
	{regexp.MustCompile(`\bFileSystemException: ` + filePattern + `: ` + errno), 1, 2},
	// Ruby: Permission denied @ rb_sysopen - /data/x (Errno::EACCES)
	{regexp.MustCompile(errno + ` @ \w+ - ` + filePattern), 2, 1},
	// PHP: file_put_contents(/data/x): Failed to open stream: Permission denied
	{regexp.MustCompile(`\b[a-z_]+\(` + filePattern + `\): [Ff]ailed to open stream: ` + errno), 1, 2},
	// MySQL: Can't create/write to file '/var/lib/mysql/is_writable' (OS errno 13 - Permission denied)
	{regexp.MustCompile(`\bCan't create/write to file '` + filePattern + `' \((?:OS errno|Errcode:) \d+ (?:- |")` + errno), 1, 2},
	// PostgreSQL, also of files below its data directory
	{regexp.MustCompile(`\b(?:could not|cannot|can't|failed to|unable to) (?:write|write to|read|extend|create|open|access|fsync|remove|change permissions of|change ownership of)(?: temporary)?(?: lock)? ?(?:file|directory)? "([^"\s]+)": ` + errno), 1, 2},
	// Redis
	{regexp.MustCompile(`\(in server root dir ` + filePattern + `\) for saving: ` + errno), 1, 2},
}

// deniedWithoutErrno are exceptions that mean EACCES and do not say so.
var deniedWithoutErrno = []*regexp.Regexp{
	regexp.MustCompile(`\bjava\.nio\.file\.AccessDeniedException: ` + filePattern),
	regexp.MustCompile(`\bSystem\.UnauthorizedAccessException: Access to the path '` + filePattern + `' is denied`),
}

// elsewhere are limits of the kernel that share ENOSPC with a full disk.
var elsewhere = regexp.MustCompile(`(?i)\bwatch(?:ers)?\b|inotify|fsnotify|epoll|semaphores?\b|shared memory`)

// postgresData is where files lie that PostgreSQL names by themselves.
var postgresData = regexp.MustCompile(`^(?:base|global|pg_[a-z_]+|log)/`)

// readFileError reads which file a program may not use or has no room for.
func readFileError(line string) (Reason, bool) {
	if !strings.Contains(line, "/") || elsewhere.MatchString(line) {
		return Reason{}, false
	}
	for _, e := range fileErrors {
		m := e.pattern.FindStringSubmatch(line)
		if m == nil || !path.IsAbs(m[e.path]) && !postgresData.MatchString(m[e.path]) {
			continue
		}
		r := Reason{Trouble: FileDenied, Path: m[e.path]}
		switch strings.ToLower(m[e.errno]) {
		case "no space left on device":
			r.Trouble = DiskFull
		case "read-only file system":
			r.ReadOnly = true
		}
		return r, true
	}
	for _, re := range deniedWithoutErrno {
		if m := re.FindStringSubmatch(line); m != nil {
			return Reason{Trouble: FileDenied, Path: m[1]}, true
		}
	}
	return Reason{}, false
}

// noRoom is ENOSPC of nobody knows which file.
var noRoom = regexp.MustCompile(`(?i)\bno space left on device\b|\bENOSPC\b`)

// readNoRoom reads ENOSPC where the line names no file.
func readNoRoom(line string) (Reason, bool) {
	if !noRoom.MatchString(line) || elsewhere.MatchString(line) {
		return Reason{}, false
	}
	return Reason{Trouble: DiskFull}, true
}
