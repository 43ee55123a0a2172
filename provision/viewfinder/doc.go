// Package viewfinder reads the QR of a label or an invite from a picture: from a
// photo in a file ([ReadPhoto]), from a picture in memory ([ReadImage]), or from
// this computer's camera ([Read]), by way of a page that only this computer can
// open. All three return the text that package label parses.
//
// It belongs to the commands on people's computers, never to a box: what it takes
// apart are files and pictures, with much code of others.
//
// The text holds a code, and who has it has the box or the invite. So it is
// neither logged nor put into errors, nothing of a picture is written to disk, and
// the page is not told what was read from it.
//
// All functions may be called from several goroutines.
package viewfinder
