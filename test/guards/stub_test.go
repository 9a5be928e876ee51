package guards_test

var formGuards, jobGuards, recordGuards, textGuards, wallGuards []guard
